#include "core/error.h"

const char *allot_error_name(int error)
{
    switch (error) {
    case ALLOT_OK:
        return "OK";
#define ALLOT_ERROR_NAME(name, code, text) \
    case ALLOT_##name:                     \
        return #name;
        ALLOT_ERRORS(ALLOT_ERROR_NAME)
#undef ALLOT_ERROR_NAME
    default:
        return "EUNKNOWNCODE";
    }
}

const char *allot_error_text(int error)
{
    switch (error) {
    case ALLOT_OK:
        return "ok";
#define ALLOT_ERROR_TEXT(name, code, text) \
    case ALLOT_##name:                     \
        return text;
        ALLOT_ERRORS(ALLOT_ERROR_TEXT)
#undef ALLOT_ERROR_TEXT
    default:
        return "unknown error code";
    }
}
