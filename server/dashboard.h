/* The dashboard, as it was built from web/ into this program; none with `make WEB=no`. */
#ifndef ALLOT_SERVER_DASHBOARD_H
#define ALLOT_SERVER_DASHBOARD_H

#include "api/assets.h"

struct api_assets dashboard_assets(void);

#endif
