// The only way in which tensile changes its own tables: a short window under the extension's owner, as a
// security-restricted operation with a fixed search path. Open it when the user's query has ended, and evaluate no user
// expression inside. An error leaves the window by transaction abort, which restores user and settings.
#pragma once

#include "pg/pg_api.h"

namespace tensile {

struct CatalogWindow {
    Oid user;  // who was acting before, and will own what is created
    int security_context;
    int settings_level;
};

CatalogWindow open_catalog_window();
void close_catalog_window(const CatalogWindow& window);

}  // namespace tensile
