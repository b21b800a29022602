"""`curation report`: a dataset, and what a filter makes of it, as one HTML page that needs nothing beside it.

facts (videos, scores, clips, failures, captions, duplicates)  ─┐
samples (clips around each threshold) ─ thumbnails              ├─ page
figures (matplotlib) ─ svg (inline, in the page's colours)     ─┘
"""
