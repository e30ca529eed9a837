#include "server/dashboard.h"

#ifdef ALLOT_DASHBOARD
/* Made by web/build.mjs: `files`, an array of struct api_asset. */
#include "build/web/files.h"
#endif

struct api_assets dashboard_assets(void)
{
#ifdef ALLOT_DASHBOARD
    return (struct api_assets){files, sizeof files / sizeof files[0]};
#else
    return (struct api_assets){NULL, 0};
#endif
}
