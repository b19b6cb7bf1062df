# Builds and installs tensile.so, the control file and the install script with PGXS, out of tree. The Makefile calls it in the build
# folder and gives: VPATH (the source root), CORE (the CMake build), BUILD_ID, PG_CONFIG.

ROOT := $(VPATH)
EXTENSION_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(ROOT)/control/tensile.control)

MODULE_big = tensile
OBJS = $(patsubst $(ROOT)/%.cpp,%.o,$(sort $(wildcard $(ROOT)/src/pg/*.cpp)))
EXTENSION = control/tensile
DATA = $(patsubst $(ROOT)/%,%,$(wildcard $(ROOT)/control/tensile--*--*.sql))
DATA_built = tensile--$(EXTENSION_VERSION).sql

# In the order of sql/schedule where there is one.
SCHEDULE = $(wildcard $(ROOT)/sql/schedule)
REGRESS = $(if $(SCHEDULE),--schedule=$(SCHEDULE),$(patsubst $(ROOT)/sql/%.sql,%,$(sort $(wildcard $(ROOT)/sql/*.sql))))
REGRESS_OPTS = --inputdir=$(ROOT) --outputdir=$(CURDIR)

# PGXS links with the C compiler, so the C++ library is named. Only what has C linkage in src/pg is exported (PostgreSQL 15 does not
# mark the functions it looks up, so hiding at compile time would lose them).
ARCHIVES = $(CORE)/src/client/libtensile_client.a $(CORE)/src/protocol/libtensile_protocol.a
SHLIB_LINK = $(ARCHIVES) -Wl,--exclude-libs,ALL -Wl,--version-script=$(ROOT)/scripts/exports.map -lstdc++ -lcrypto

PGXS := $(shell $(PG_CONFIG) --pgxs)
# PostgreSQL's headers are system headers here: their warnings are not ours to fix.
PG_CPPFLAGS = -I$(ROOT)/src -isystem $(CORE)/generated -isystem $(shell $(PG_CONFIG) --includedir-server) -MMD -MP
# -Wno-restrict: GCC bug 105651, see cmake/TensileCompiler.cmake.
PG_CXXFLAGS = -std=c++20 -fvisibility-inlines-hidden -fno-semantic-interposition -Wall -Wextra -Werror -Wno-restrict \
	-include build_id.h

include $(PGXS)

# A header of its own, written only when it changes: a new build id then rebuilds the objects, and nothing else does.
build_id.h: FORCE
	@printf '#define TENSILE_BUILD_ID "%s"\n' '$(BUILD_ID)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OBJS): build_id.h
$(shlib): $(ARCHIVES)
-include $(OBJS:.o=.d)

# The install script is the parts of control/sql in the order of control/sql/LIST.
tensile--$(EXTENSION_VERSION).sql: $(wildcard $(ROOT)/control/sql/*)
	$(ROOT)/scripts/build-install-script $(ROOT)/control/sql > $@

.PHONY: FORCE
FORCE:
