"""Writes the demo's page: what happened, for somebody who never heard of a modem."""

import html
from pathlib import Path
from string import Template

from dialtone.demo_ways import Passed
from dialtone.output import duration, rate, size
from dialtone.whole import whole_file

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dialtone: a photo sent as sound</title>
<style>
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --ink: #1f2430; --faint: #5b6472; --line: #dfe3e8;
  --accent: #2563eb; --good: #15803d; --bad: #b91c1c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171d; --card: #1c2129; --ink: #e7eaf0; --faint: #9aa4b2; --line: #2d3440;
    --accent: #7aa7ff; --good: #4ade80; --bad: #f87171;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem;
  background: var(--paper); color: var(--ink);
  font: 17px/1.6 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 2.2rem; line-height: 1.15; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; margin: 0 0 .6rem; }
.lead { font-size: 1.15rem; color: var(--faint); max-width: 46rem; margin: 0 0 2rem; }
ol.steps { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem;
  list-style: none; padding: 0; margin: 0 0 2.5rem; counter-reset: step; }
ol.steps li { border-top: 3px solid var(--accent); padding-top: .6rem; counter-increment: step; }
ol.steps b::before { content: counter(step) ". "; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1.5rem; margin: 0 0 1.75rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; }
figure { margin: 0; }
img { max-width: 100%; height: auto; display: block; border-radius: 8px; }
.pair img { width: 100%; }
figcaption { color: var(--faint); font-size: .92rem; margin-top: .35rem; }
.good { color: var(--good); font-weight: 650; }
.bad { color: var(--bad); font-weight: 650; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem;
  margin: 1.2rem 0; }
dt { color: var(--faint); font-size: .85rem; }
dd { margin: 0; font-size: 1.2rem; font-weight: 650; }
audio { width: 100%; margin: .4rem 0 1rem; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: .8rem 1rem; overflow-x: auto; font-size: .88rem; }
details summary { cursor: pointer; color: var(--accent); margin: .5rem 0; }
a { color: var(--accent); }
.report { background: #ffffff; padding: .5rem; }
</style>
</head>
<body>
<h1>A photo sent as sound</h1>
<p class="lead">Dialtone turned a picture file of $size into sound, the sound went two ways,
and at the far end it became the same file again. Nothing but sound connected the two ends.</p>
<ol class="steps">
<li><b>File to packets.</b> The file was compressed, encrypted with a passphrase and cut into
small numbered packets, with a few extra ones in case some get lost.</li>
<li><b>Packets to sound.</b> The bits of each packet set the loudness and phase of hundreds of
tones that sound at the same time, many times a second, with error correction on top.</li>
<li><b>Sound to file.</b> The receiver found the signal, measured the line and the difference
of the clocks, corrected the errors, and checked that every byte is right.</li>
</ol>
$ways
<section>
<h2>Try it yourself</h2>
<p>The passphrase of this run was <code>$passphrase</code>; without it the sound yields nothing.
These lines receive the photo again from the recordings above:</p>
<pre>echo $passphrase &gt; passphrase.txt
$commands</pre>
</section>
</body>
</html>
""")

_WAY = Template("""<section>
<h2>$title</h2>
<p>$explanation</p>
<div class="pair">
<figure><img src="$photo" alt="The photo that was sent">
<figcaption>sent</figcaption></figure>
<figure><img src="$picture" alt="The photo that was received">
<figcaption>received: <span class="$mark">$verdict</span></figcaption></figure>
</div>
<dl>
<div><dt>sound</dt><dd>$seconds</dd></div>
<div><dt>delivered</dt><dd>$rate</dd></div>
<div><dt>signal above noise</dt><dd>$snr dB</dd></div>
<div><dt>clock difference</dt><dd>$clock ppm</dd></div>
<div><dt>speed of the modem</dt><dd>$speed</dd></div>
</dl>
<p>This is what the receiver heard (turn the volume down first):</p>
<audio controls preload="none" src="$sound"></audio>
<details><summary>What the receiver measured</summary>
<a href="$report"><img class="report" src="$report" alt="Spectrogram, level, constellation,
signal-to-noise ratio per carrier and clock error of the recording"></a></details>
</section>
""")


def write_page(photo: Path, results: list[Passed], passphrase: str, target: Path) -> None:
    """Write the page beside the files it shows."""
    ways = "".join(_way(photo, passed) for passed in results)
    commands = "\n".join(
        f"dialtone receive {passed.way.sound} --passphrase-file passphrase.txt -d inbox"
        for passed in results
    )
    page = _PAGE.substitute(
        size=html.escape(size(photo.stat().st_size)),
        ways=ways,
        passphrase=html.escape(passphrase),
        commands=html.escape(commands),
    )
    with whole_file(target) as file:
        file.write(page.encode())


def _way(photo: Path, passed: Passed) -> str:
    signal = passed.analysis.signals[-1]
    texts = {
        "title": passed.way.title,
        "explanation": passed.way.explanation,
        "photo": photo.name,
        "picture": passed.picture.name,
        "mark": "good" if passed.exact else "bad",
        "verdict": "byte for byte the same file" if passed.exact else "not the same file",
        "seconds": duration(passed.air_seconds),
        "rate": rate(passed.goodput_bps),
        "snr": f"{signal.snr_db:.1f}",
        "clock": f"{signal.clock_ppm:+.0f}".replace("-", "−"),
        "speed": passed.speed,
        "sound": passed.way.sound,
        "report": passed.report.name,
    }
    return _WAY.substitute({name: html.escape(text) for name, text in texts.items()})
