"""The Progress screen: what is reviewed, how fast, how well people agree."""
