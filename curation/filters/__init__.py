"""Filters: named lists of rules over annotations, and what they select.

    filter = load_filter(load_config(), "lvd-f")                       # rules, as they are written
    table = ClipTable.open(storage)                                    # columns of the dataset, read when needed
    checked = check_filter(filter, table.columns, storage.url)         # columns and types fit, or UserError
    table.need(checked.columns)
    resolved = resolve(checked.filter, table)                          # percentiles as numbers
    verdicts = evaluate(resolved, table)                               # kept, first reason, all reasons
    rows = funnel(verdicts, table.seconds).rows
    write_selection(storage, verdicts, table)

The steps from `resolve` on cost some 50 ms for a million clips, and may be repeated while a threshold moves.
"""

from curation.filters.check import Checked, check_filter
from curation.filters.evaluate import Verdict, Verdicts, evaluate
from curation.filters.freeze import freeze, to_yaml
from curation.filters.funnel import Amount, Funnel, FunnelRow, funnel
from curation.filters.load import filter_name, filter_of, load_filter
from curation.filters.resolve import ResolvedFilter, ResolvedRule, resolve
from curation.filters.rule import ColumnRule, Filter, Rule, SqlRule
from curation.filters.selection import Selection, read_selection, selection_file, write_selection
from curation.filters.table import ClipTable

__all__ = [
    "Amount",
    "Checked",
    "ClipTable",
    "ColumnRule",
    "Filter",
    "Funnel",
    "FunnelRow",
    "ResolvedFilter",
    "ResolvedRule",
    "Rule",
    "Selection",
    "SqlRule",
    "Verdict",
    "Verdicts",
    "check_filter",
    "evaluate",
    "filter_name",
    "filter_of",
    "freeze",
    "funnel",
    "load_filter",
    "read_selection",
    "resolve",
    "selection_file",
    "to_yaml",
    "write_selection",
]
