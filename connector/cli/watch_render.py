"""Draws a `WatchView`: two columns from 120 characters on, one below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from connector.cli.output import DASH, cell, clock_text, grouped
from connector.cli.watch_view import (
    ChannelView,
    LimitView,
    WatchView,
    fullest,
    liquidation_distance,
)
from connector.model.account import Greeks, Margin, Position
from connector.model.events import ReconcileReport
from connector.model.money import text_of
from connector.model.order import Fill, Order, Side

TWO_COLUMNS_FROM = 120
ALL_COLUMNS_FROM = 76
ROWS_MAX = 8

_BADGES = {
    "paper": "bold white on blue",
    "testnet": "bold black on yellow",
    "live": "bold white on red",
}


def render(view: WatchView, width: int, rows: int = ROWS_MAX) -> RenderableType:
    """The whole frame, *width* characters wide, tables of at most *rows* rows."""
    is_tiny = width < ALL_COLUMNS_FROM
    left = (
        _positions(view.positions, rows, is_tiny=is_tiny),
        _orders(view, rows, is_tiny=is_tiny),
        _fills(view.fills, rows, is_tiny=is_tiny),
    )
    bar_width = max(8, min(24, width - 24))
    greeks = (_greeks(view.greeks),) if view.greeks else ()
    right = (
        _margin(view.margin, bar_width),
        *greeks,
        _limits(view.limits),
        _report(view),
    )
    is_narrow = width < TWO_COLUMNS_FROM
    if is_narrow:
        body: RenderableType = Group(right[0], *left, *right[1:])
    else:
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
        grid.add_column(ratio=5)
        grid.add_column(ratio=3)
        grid.add_row(Group(*left), Group(*right))
        body = grid
    latency = (_latency(view),) if view.latency else ()
    return Group(_head(view), *_channels(view, is_narrow=is_narrow), *latency, body)


def rows_for(height: int) -> int:
    """How many rows a table may have on a terminal of this height."""
    return max(3, min(ROWS_MAX, (height - 24) // 3))


# --- the head ---


def _head(view: WatchView) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    name = Text(no_wrap=True)
    badge = _BADGES.get(view.environment, "reverse")
    name.append(f" {view.environment.upper()} ", style=badge)
    name.append(f" {view.profile}", style="bold")
    name.append(f"  {view.venue}", style="dim")
    state = Text(no_wrap=True)
    if view.is_live:
        state.append("● SYNCED", style="bold green")
    else:
        state.append(
            f" ● STALE {_age(view.stale_age_s)} {view.state} ",
            style="bold white on red",
        )
    state.append(f"  {clock_text(view.wall_ns)[6:14]} UTC", style="dim")
    grid.add_row(name, state)
    return grid


def _channels(view: WatchView, *, is_narrow: bool) -> tuple[Text, ...]:
    lines = []
    for channel in view.channels:
        line = Text()
        _append_channel(line, channel)
        lines.append(line)
    sign = "+" if view.clock_offset_ms >= 0 else "-"
    clock = Text(
        f"clock {sign}{abs(view.clock_offset_ms):.1f} ± {view.clock_error_ms:.1f} ms",
        style="dim",
    )
    if is_narrow:
        lines[-1].append_text(clock)
        return tuple(lines)
    return (Text().join([*lines, clock]),)


def _append_channel(line: Text, channel: ChannelView) -> None:
    line.append("● " if channel.is_up else "○ ", "green" if channel.is_up else "red")
    line.append(channel.name)
    details = []
    if channel.last_frame_age_s is not None:
        details.append(f"heard {_age(channel.last_frame_age_s)} ago")
    if channel.ping_ms is not None:
        details.append(f"ping {channel.ping_ms:.1f} ms")
    if channel.reconnects:
        details.append(f"{channel.reconnects} reconnects")
    line.append(f" {', '.join(details) or 'not in use'}   ", style="dim")


_LATENCY_WORDS = {
    "submit_to_sent": "send",
    "sent_to_ack": "ack",
    "ack_to_echo": "echo",
    "venue_to_handler": "event",
    "handler": "handler",
    "loop_lag": "loop",
}


def _latency(view: WatchView) -> Text:
    """Medians and 99th percentiles; names as in `session.stats()["latency"]`."""
    line = Text("ms p50/p99", style="dim")
    for part in view.latency:
        line.append(f"  {_LATENCY_WORDS[part.name]} ")
        line.append(f"{_short(part.p50_ms)}/{_short(part.p99_ms)}", style="not dim")
    return line


def _short(ms: float) -> str:
    """Two digits that matter."""
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}" if ms >= 1 else f"{ms:.2f}"


# --- margin ---


def _margin(margin: Margin | None, bar_width: int) -> RenderableType:
    if margin is None:
        return _panel("margin", Text("cannot be computed", style="yellow"))
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for _ in range(2):
        grid.add_column(style="dim")
        grid.add_column(justify="right")
    grid.add_row(
        "equity",
        Text(_amount(margin.equity, margin.currency), style="bold"),
        "pnl",
        _signed(margin.unrealized_pnl),
    )
    grid.add_row(
        "available",
        _amount(margin.available, margin.currency),
        "maint.",
        _amount(margin.maintenance_margin, margin.currency),
    )
    ratio = margin.margin_ratio or Decimal(0)
    line = Text().append("ratio ", style="dim")
    line.append_text(bar(float(ratio), bar_width, _ratio_style(ratio)))
    line.append(f" {ratio * 100:.2f} %", style=f"bold {_ratio_style(ratio)}")
    return _panel("margin", Group(grid, line), margin.currency)


def _greeks(found: Mapping[str, Greeks]) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
    names = ("", "delta", "gamma", "vega", "theta")
    for name in names:
        grid.add_column(justify="right" if name else "left")
    grid.add_row(*(Text(name, style="dim") for name in names))
    for currency, row in sorted(found.items()):
        grid.add_row(
            Text(currency, style="dim"),
            Text(f"{row.delta:+.3f}", style="bold"),
            f"{row.gamma:+.5f}",
            f"{row.vega:+,.1f}",
            f"{row.theta:+,.1f}",
        )
    return _panel("greeks", grid)


def _ratio_style(ratio: Decimal) -> str:
    if ratio >= Decimal("0.8"):
        return "red"
    return "yellow" if ratio >= Decimal("0.5") else "green"


def bar(share: float, width: int, style: str) -> Text:
    """A bar of *width* cells, filled to *share* (0 to 1), in eighths."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
    text = Text().append(drawn, style=style)
    text.append("·" * (width - len(drawn)), style="dim")
    return text


# --- what is at stake ---


def _positions(
    positions: Sequence[Position], rows: int, *, is_tiny: bool
) -> RenderableType:
    if not positions:
        return _panel("positions", Text("flat", style="dim"))
    table = _table(
        ("symbol", False),
        ("qty", True),
        ("entry", True, "wide"),
        ("mark", True, "wide"),
        ("pnl", True),
        ("liq. price", True, "wide"),
        ("away", True),
        is_tiny=is_tiny,
    )
    for position in positions[:rows]:
        side = Side.BUY if position.qty > 0 else Side.SELL
        table.add(
            position.symbol,
            Text(cell(position.qty), style=_side_style(side)),
            _rough(position.entry_price),
            _rough(position.mark_price),
            _signed(position.unrealized_pnl),
            Text(_rough(position.liquidation_price), style="dim"),
            _away(position),
        )
    return _panel("positions", _with_rest(table, len(positions), rows))


def _away(position: Position) -> Text:
    distance = liquidation_distance(position)
    if distance is None:
        return Text(DASH, style="dim")
    style = "green"
    if distance < Decimal("0.05"):
        style = "bold red"
    elif distance < Decimal("0.15"):
        style = "yellow"
    return Text(f"{distance * 100:.1f} %", style=style)


def _orders(view: WatchView, rows: int, *, is_tiny: bool) -> RenderableType:
    orders = view.orders
    if not orders:
        return _panel("open orders", Text("none", style="dim"))
    table = _table(
        ("status", False),
        ("side", False),
        ("symbol", False, "wide"),
        ("filled", True, "wide"),
        ("qty", True),
        ("price", True),
        ("age", True, "wide"),
        is_tiny=is_tiny,
    )
    for order in orders[:rows]:
        table.add(
            _status(order),
            Text(order.side.value, style=_side_style(order.side)),
            order.symbol,
            cell(order.filled_qty),
            "all" if order.qty is None else cell(order.qty),
            _order_price(order, "if" if is_tiny else "trigger"),
            _age_of(order, view.wall_ns),
        )
    doubts = sum(1 for order in orders if order.in_doubt_since_ns is not None)
    return _panel(
        "open orders",
        _with_rest(table, len(orders), rows),
        f"{doubts} in doubt" if doubts else "",
        style="yellow" if doubts else "",
    )


def _status(order: Order) -> Text:
    if order.in_doubt_since_ns is not None:
        return Text("IN DOUBT", style="bold black on yellow")
    return Text(order.status.value.replace("_", " ").lower().replace("ially", "ly"))


def _order_price(order: Order, condition: str) -> str:
    if order.trigger_price is not None:
        return f"{condition} {_price(order.trigger_price)}"
    return "market" if order.price is None else _price(order.price)


def _age_of(order: Order, wall_ns: int) -> str:
    since = order.in_doubt_since_ns or order.created_ns
    return _age(max(0, wall_ns - since) / 1e9) if since else DASH


def _fills(fills: Sequence[Fill], rows: int, *, is_tiny: bool) -> RenderableType:
    if not fills:
        return _panel("last fills", Text("none yet", style="dim"))
    table = _table(
        ("time", False, "wide"),
        ("side", False),
        ("symbol", False),
        ("qty", True),
        ("price", True),
        ("fee", True, "wide"),
        ("pnl", True, "wide"),
        is_tiny=is_tiny,
    )
    for fill in fills[:rows]:
        table.add(
            Text(clock_text(fill.venue_ns)[6:], style="dim"),
            Text(fill.side.value, style=_side_style(fill.side)),
            fill.symbol,
            cell(fill.qty),
            _price(fill.price),
            DASH if fill.fee is None else cell(round(fill.fee, 4)),
            _signed(fill.realized_pnl),
        )
    return _panel("last fills", table.table)


# --- how it is kept true ---


def _limits(limits: Sequence[LimitView]) -> RenderableType:
    if not limits:
        return _panel("rate limits", Text("none learnt yet", style="dim"))
    grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for limit in fullest(limits):
        if limit.closed_s > 0:
            shown = Text(f"closed {_age(limit.closed_s)}", style="bold red")
        else:
            shown = Text(f"{limit.used}/{limit.limit}", style="dim")
        style = _ratio_style(Decimal(str(limit.share)))
        grid.add_row(limit.name, bar(limit.share, 10, style), shown)
    return _panel("rate limits", grid)


def _report(view: WatchView) -> RenderableType:
    report = view.report
    if report is None:
        return _panel("last reconciliation", Text("none yet", style="dim"))
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for _ in range(2):
        grid.add_column(style="dim")
        grid.add_column(justify="right")
    grid.add_row(
        "missed fills",
        _count(len(report.missed_fills)),
        "external",
        _count(len(report.external_orders)),
    )
    grid.add_row(
        "doubt resolved",
        _count(len(report.in_doubt_resolved)),
        "duplicates",
        _count(report.duplicates_dropped),
    )
    lines: list[RenderableType] = [_report_line(report, view.wall_ns), grid]
    if report.is_clean:
        lines.append(Text("ties out with the venue", style="green"))
    else:
        count = len(report.differences_left) + len(report.differences_watched)
        doubts = len(report.in_doubt_left)
        lines.append(
            Text(f"{count} differences, {doubts} in doubt left", style="bold red")
        )
    return _panel(
        "last reconciliation",
        Group(*lines),
        style="" if report.is_clean else "red",
    )


def _report_line(report: ReconcileReport, wall_ns: int) -> Text:
    gap_s = (report.gap_end_ns - report.gap_start_ns) / 1e9
    ago = _age(max(0, wall_ns - report.gap_end_ns) / 1e9)
    return Text(
        f"{report.reason.value.replace('_', ' ')}, gap {_age(gap_s)}, "
        f"{report.duration_ms:.0f} ms, {ago} ago"
    )


# --- small things ---


def _panel(
    title: str, body: RenderableType, note: str = "", *, style: str = ""
) -> Panel:
    head = Text(title, style="bold")
    if note:
        head.append(f" {note}", style=style or "dim")
    return Panel(
        body, title=head, title_align="left", box=ROUNDED, border_style=style or "dim"
    )


class _Columns:
    """A table that leaves out its "wide" columns on a tiny terminal."""

    def __init__(self, columns: Sequence[_Column], *, is_tiny: bool) -> None:
        self.table = Table(
            box=None, pad_edge=False, expand=True, header_style="dim",
            padding=(0, 1, 0, 0),
        )  # fmt: skip
        self._is_shown = [not (is_tiny and len(column) > 2) for column in columns]
        for (title, is_number, *_), is_shown in zip(
            columns, self._is_shown, strict=True
        ):
            if is_shown:
                justify: Literal["left", "right"] = "right" if is_number else "left"
                self.table.add_column(title, justify=justify, no_wrap=True)

    def add(self, *cells: RenderableType) -> None:
        """A row with a cell for every column, shown or not."""
        pairs = zip(cells, self._is_shown, strict=True)
        self.table.add_row(*(shown for shown, is_shown in pairs if is_shown))


_Column = tuple[str, bool] | tuple[str, bool, Literal["wide"]]


def _table(*columns: _Column, is_tiny: bool) -> _Columns:
    return _Columns(columns, is_tiny=is_tiny)


def _with_rest(table: _Columns, count: int, rows: int) -> RenderableType:
    if count <= rows:
        return table.table
    return Group(table.table, Text(f"and {count - rows} more", style="dim"))


def _side_style(side: Side) -> str:
    return "green" if side is Side.BUY else "red"


def _signed(value: Decimal | None) -> Text:
    """Profit: to the cent, or to the last digits where it is counted in coin."""
    if value is None or value == 0:
        return Text(DASH if value is None else "0", style="dim")
    shown = f"{value:+,.2f}" if abs(value) >= 1 else f"{value:+.5f}"
    return Text(shown, style="green" if value > 0 else "red")


def _amount(value: Decimal, currency: str) -> str:
    """Dollars to the cent, coins finer."""
    return grouped(value, 2 if currency.startswith("USD") else 5)


def _price(value: Decimal | None) -> str:
    """Every digit of a price that is traded at; no zeros at its end."""
    return DASH if value is None else grouped(Decimal(text_of(value)))


def _rough(value: Decimal | None) -> str:
    """Seven significant digits of a price that is computed."""
    if value is None:
        return DASH
    places = max(0, 6 - value.adjusted()) if value else 0
    return _price(round(value, places))


def _count(number: int) -> Text:
    return Text(str(number), style="bold" if number else "dim")


def _age(age_s: float) -> str:
    if age_s < 10:
        return f"{age_s:.1f} s"
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 7200 else f"{age_s / 3600:.0f} h"
