"""The page on which an operator watches, sends and receives."""
