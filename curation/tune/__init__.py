"""The threshold page: a small web server over the tables of a dataset, and the page that it serves.

session = Session(Storage("dataset"), config=None)      # columns in memory, filters by name, the file to save to
session.judge.funnel(rules)                             # what a draft of a filter keeps, a few ms per million clips
app = tune_app(session, access)                         # the API of the page, guarded
serve(app, ...)                                         # until Ctrl-C
"""
