// Included first by every header of src/pg that is plain C++ (no PostgreSQL types beyond forward declarations). It has
// no include guard on purpose: each inclusion checks that PostgreSQL's headers, and the macros they define, have not
// come first. Why that matters is told in pg_api.h.
#ifdef POSTGRES_H
#error "include C++ headers before pg/pg_api.h and before headers that include it"
#endif
