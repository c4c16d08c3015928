#include <libpq-fe.h>

// Character macros, which Swift does not import.
static const int CLibPQFieldSQLState = PG_DIAG_SQLSTATE;
static const int CLibPQFieldMessage = PG_DIAG_MESSAGE_PRIMARY;
static const int CLibPQFieldDetail = PG_DIAG_MESSAGE_DETAIL;
static const int CLibPQFieldHint = PG_DIAG_MESSAGE_HINT;
