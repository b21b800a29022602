"""Videos with known truth: single shots joined by cuts, dissolves, fades and wipes, in many encodings."""
