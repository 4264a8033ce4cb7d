"""What each error code means for the thing that was asked.

121 codes; the text decides where one code carries several meanings
(`connector.venues.binance_usdm.classify`). A code that is not listed here and
came with a 4xx status is a refusal.

Source: "Error Codes" and the change log, read 2026-11. -4531 and -5047 have no
published name.
"""

from __future__ import annotations

from enum import StrEnum


class Meaning(StrEnum):
    """What happened to the thing that was asked."""

    REFUSED = "refused"  # did not and will not happen
    NOT_EXECUTED = "not_executed"  # was not processed; may be sent again
    UNKNOWN = "unknown"  # may have happened
    DUPLICATE = "duplicate"  # an open order has this client id
    GONE = "gone"  # the order is not open, or not known
    UNCHANGED = "unchanged"  # was so already


CODES: dict[int, tuple[str, Meaning]] = {
    -1000: ("UNKNOWN", Meaning.UNKNOWN),
    -1001: ("DISCONNECTED", Meaning.UNKNOWN),
    -1002: ("UNAUTHORIZED", Meaning.REFUSED),
    -1003: ("TOO_MANY_REQUESTS", Meaning.NOT_EXECUTED),
    -1006: ("UNEXPECTED_RESP", Meaning.UNKNOWN),
    -1007: ("TIMEOUT", Meaning.UNKNOWN),
    -1008: ("THROTTLED", Meaning.NOT_EXECUTED),
    -1010: ("ERROR_MSG_RECEIVED", Meaning.REFUSED),
    -1011: ("NON_WHITE_LIST", Meaning.REFUSED),
    -1013: ("INVALID_MESSAGE", Meaning.REFUSED),
    -1014: ("UNKNOWN_ORDER_COMPOSITION", Meaning.REFUSED),
    -1015: ("TOO_MANY_ORDERS", Meaning.NOT_EXECUTED),
    -1016: ("SERVICE_SHUTTING_DOWN", Meaning.REFUSED),
    -1020: ("UNSUPPORTED_OPERATION", Meaning.REFUSED),
    -1021: ("INVALID_TIMESTAMP", Meaning.NOT_EXECUTED),
    -1022: ("INVALID_SIGNATURE", Meaning.REFUSED),
    -1099: ("NOT_FOUND", Meaning.REFUSED),
    -1100: ("ILLEGAL_CHARS", Meaning.REFUSED),
    -1101: ("TOO_MANY_PARAMETERS", Meaning.REFUSED),
    -1102: ("MANDATORY_PARAM_EMPTY_OR_MALFORMED", Meaning.REFUSED),
    -1103: ("UNKNOWN_PARAM", Meaning.REFUSED),
    -1104: ("UNREAD_PARAMETERS", Meaning.REFUSED),
    -1105: ("PARAM_EMPTY", Meaning.REFUSED),
    -1106: ("PARAM_NOT_REQUIRED", Meaning.REFUSED),
    -1111: ("BAD_PRECISION", Meaning.REFUSED),
    -1114: ("TIF_NOT_REQUIRED", Meaning.REFUSED),
    -1115: ("INVALID_TIF", Meaning.REFUSED),
    -1116: ("INVALID_ORDER_TYPE", Meaning.REFUSED),
    -1117: ("INVALID_SIDE", Meaning.REFUSED),
    -1118: ("EMPTY_NEW_CL_ORD_ID", Meaning.REFUSED),
    -1119: ("EMPTY_ORG_CL_ORD_ID", Meaning.REFUSED),
    -1121: ("BAD_SYMBOL", Meaning.REFUSED),
    -1122: ("INVALID_SYMBOL_STATUS", Meaning.REFUSED),
    -1125: ("INVALID_LISTEN_KEY", Meaning.REFUSED),
    -1127: ("MORE_THAN_XX_HOURS", Meaning.REFUSED),
    -1128: ("OPTIONAL_PARAMS_BAD_COMBO", Meaning.REFUSED),
    -1130: ("INVALID_PARAMETER", Meaning.REFUSED),
    -1136: ("INVALID_NEW_ORDER_RESP_TYPE", Meaning.REFUSED),
    -2010: ("NEW_ORDER_REJECTED", Meaning.REFUSED),
    -2011: ("CANCEL_REJECTED", Meaning.GONE),
    -2012: ("CANCEL_ALL_FAIL", Meaning.UNKNOWN),
    -2013: ("NO_SUCH_ORDER", Meaning.GONE),
    -2014: ("BAD_API_KEY_FMT", Meaning.REFUSED),
    -2015: ("REJECTED_MBX_KEY", Meaning.REFUSED),
    -2017: ("API_KEYS_LOCKED", Meaning.REFUSED),
    -2018: ("BALANCE_NOT_SUFFICIENT", Meaning.REFUSED),
    -2019: ("MARGIN_NOT_SUFFICIEN", Meaning.REFUSED),
    -2020: ("UNABLE_TO_FILL", Meaning.REFUSED),
    -2021: ("ORDER_WOULD_IMMEDIATELY_TRIGGER", Meaning.REFUSED),
    -2022: ("REDUCE_ONLY_REJECT", Meaning.REFUSED),
    -2023: ("USER_IN_LIQUIDATION", Meaning.REFUSED),
    -2024: ("POSITION_NOT_SUFFICIENT", Meaning.REFUSED),
    -2025: ("MAX_OPEN_ORDER_EXCEEDED", Meaning.REFUSED),
    -2026: ("REDUCE_ONLY_ORDER_TYPE_NOT_SUPPORTED", Meaning.REFUSED),
    -2027: ("MAX_LEVERAGE_RATIO", Meaning.REFUSED),
    -2028: ("MIN_LEVERAGE_RATIO", Meaning.REFUSED),
    -4001: ("PRICE_LESS_THAN_ZERO", Meaning.REFUSED),
    -4002: ("PRICE_GREATER_THAN_MAX_PRICE", Meaning.REFUSED),
    -4003: ("QTY_LESS_THAN_ZERO", Meaning.REFUSED),
    -4004: ("QTY_LESS_THAN_MIN_QTY", Meaning.REFUSED),
    -4005: ("QTY_GREATER_THAN_MAX_QTY", Meaning.REFUSED),
    -4013: ("PRICE_LESS_THAN_MIN_PRICE", Meaning.REFUSED),
    -4014: ("PRICE_NOT_INCREASED_BY_TICK_SIZE", Meaning.REFUSED),
    -4015: ("INVALID_CL_ORD_ID_LEN", Meaning.REFUSED),
    -4016: ("PRICE_HIGHTER_THAN_MULTIPLIER_UP", Meaning.REFUSED),
    -4023: ("QTY_NOT_INCREASED_BY_STEP_SIZE", Meaning.REFUSED),
    -4024: ("PRICE_LOWER_THAN_MULTIPLIER_DOWN", Meaning.REFUSED),
    -4028: ("INVALID_LEVERAGE", Meaning.REFUSED),
    -4032: ("EXCEED_MAX_CANCEL_ORDER_SIZE", Meaning.REFUSED),
    -4045: ("MAX_STOP_ORDER_EXCEEDED", Meaning.REFUSED),
    -4046: ("NO_NEED_TO_CHANGE_MARGIN_TYPE", Meaning.UNCHANGED),
    -4047: ("THERE_EXISTS_OPEN_ORDERS", Meaning.REFUSED),
    -4048: ("THERE_EXISTS_QUANTITY", Meaning.REFUSED),
    -4050: ("CROSS_BALANCE_INSUFFICIENT", Meaning.REFUSED),
    -4051: ("ISOLATED_BALANCE_INSUFFICIENT", Meaning.REFUSED),
    -4059: ("NO_NEED_TO_CHANGE_POSITION_SIDE", Meaning.UNCHANGED),
    -4060: ("INVALID_POSITION_SIDE", Meaning.REFUSED),
    -4061: ("POSITION_SIDE_NOT_MATCH", Meaning.REFUSED),
    -4062: ("REDUCE_ONLY_CONFLICT", Meaning.REFUSED),
    -4067: ("POSITION_SIDE_CHANGE_EXISTS_OPEN_ORDERS", Meaning.REFUSED),
    -4068: ("POSITION_SIDE_CHANGE_EXISTS_QUANTITY", Meaning.REFUSED),
    -4082: ("INVALID_BATCH_PLACE_ORDER_SIZE", Meaning.REFUSED),
    -4083: ("PLACE_BATCH_ORDERS_FAIL", Meaning.UNKNOWN),
    -4087: ("REDUCE_ONLY_ORDER_PERMISSION", Meaning.REFUSED),
    -4088: ("NO_PLACE_ORDER_PERMISSION", Meaning.REFUSED),
    -4109: ("INACTIVE_ACCOUNT", Meaning.REFUSED),
    -4116: ("DUPLICATED_CLIENT_ORDER_ID", Meaning.DUPLICATE),
    -4117: ("STOP_ORDER_TRIGGERING", Meaning.GONE),
    -4118: ("REDUCE_ONLY_MARGIN_CHECK_FAILED", Meaning.REFUSED),
    -4120: ("STOP_ORDER_SWITCH_ALGO", Meaning.REFUSED),
    -4131: ("MARKET_ORDER_REJECT", Meaning.REFUSED),
    -4135: ("INVALID_ACTIVATION_PRICE", Meaning.REFUSED),
    -4137: ("QUANTITY_EXISTS_WITH_CLOSE_POSITION", Meaning.REFUSED),
    -4138: ("REDUCE_ONLY_MUST_BE_TRUE", Meaning.REFUSED),
    -4140: ("INVALID_OPENING_POSITION_STATUS", Meaning.REFUSED),
    -4141: ("SYMBOL_ALREADY_CLOSED", Meaning.REFUSED),
    -4142: ("STRATEGY_INVALID_TRIGGER_PRICE", Meaning.REFUSED),
    -4161: ("ISOLATED_LEVERAGE_REJECT_WITH_POSITION", Meaning.REFUSED),
    -4164: ("MIN_NOTIONAL", Meaning.REFUSED),
    -4168: ("JOINT_MARGIN_REJECT_WITH_ISOLATED", Meaning.REFUSED),
    -4171: ("NO_NEED_TO_CHANGE_JOINT_MARGIN", Meaning.UNCHANGED),
    -4192: ("COOLING_OFF_PERIOD", Meaning.REFUSED),
    -4400: ("TRADING_QUANTITATIVE_RULE", Meaning.REFUSED),
    -4401: ("LARGE_POSITION_SYM_RULE", Meaning.REFUSED),
    -4402: ("COMPLIANCE_BLACK_SYMBOL_RESTRICTION", Meaning.REFUSED),
    -4531: ("POSITION_MODE_SYNC", Meaning.REFUSED),
    -5021: ("FOK_ORDER_REJECT", Meaning.REFUSED),
    -5022: ("GTX_ORDER_REJECT", Meaning.REFUSED),
    -5024: ("MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON", Meaning.REFUSED),
    -5025: ("LIMIT_ORDER_ONLY", Meaning.REFUSED),
    -5026: ("EXCEED_MAXIMUM_MODIFY_ORDER_LIMIT", Meaning.REFUSED),
    -5027: ("SAME_ORDER", Meaning.UNCHANGED),
    -5028: ("ME_RECVWINDOW_REJECT", Meaning.NOT_EXECUTED),
    -5029: ("MODIFICATION_MIN_NOTIONAL", Meaning.REFUSED),
    -5037: ("INVALID_PRICE_MATCH", Meaning.REFUSED),
    -5038: ("UNSUPPORTED_ORDER_TYPE_PRICE_MATCH", Meaning.REFUSED),
    -5039: ("INVALID_SELF_TRADE_PREVENTION_MODE", Meaning.REFUSED),
    -5040: ("FUTURE_GOOD_TILL_DATE", Meaning.REFUSED),
    -5041: ("BBO_ORDER_REJECT", Meaning.REFUSED),
    -5043: ("EXISTING_PENDING_MODIFICATION", Meaning.REFUSED),
    -5047: ("NOT_A_REDUCE_ONLY_ORDER", Meaning.REFUSED),
}

# Our timestamp was refused, at the gateway or at the matching engine: the order
# did not enter the book.
CLOCK_ERRORS = frozenset((-1021, -5028))

# The key, its address list, its permissions or its signature: no retry helps.
KEY_ERRORS = frozenset((-1002, -1011, -1022, -2014, -2015, -2017))

# Limits that count against the account, not the IP address.
ACCOUNT_LIMITS = frozenset((-1015,))

# Not charged to the limits.
NOT_COUNTED = frozenset((-1008,))

INVALID_LISTEN_KEY = -1125
