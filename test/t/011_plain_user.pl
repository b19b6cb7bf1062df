# A role without any privilege beyond its own tables walks the whole path: train, look, predict, evaluate, rename, drop;
# another role may use the model only once it is granted; ownership follows PostgreSQL's own commands.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('plain');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION tensile;
    CREATE ROLE alice LOGIN;
    CREATE ROLE bob LOGIN;
    CREATE ROLE carol LOGIN;
    CREATE SCHEMA work AUTHORIZATION alice;
});

sub as {
    my ($role, $sql) = @_;
    my ($result, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
    return ($result, $out, $err);
}

sub ok_as {
    my ($role, $sql, $expected, $name) = @_;
    my ($result, $out, $err) = as($role, $sql);
    is($err, '', "$name: no error");
    is($out, $expected, $name) if defined $expected;
    return $out;
}

sub fails_as {
    my ($role, $sql, $sqlstate, $name) = @_;
    my ($result, $out, $err) = as($role, $sql);
    like($err, qr/ERROR:\s+$sqlstate:/, $name);
}

ok_as('alice', q{CREATE TABLE work.points AS SELECT i AS id, (i % 50) / 50.0::float8 AS a, (i % 3)::text AS kind,
    (i % 50) / 25.0::float8 + i % 3 AS y FROM generate_series(1, 2000) AS i}, undef, 'alice has a table');
ok_as('alice', q{SELECT count(*) > 0 FROM tensile.train('hers', 'mlp', 'SELECT a, kind, y FROM work.points', target => '{y}',
    options => '{"epochs": 2, "hidden": [8]}')}, 't', 'alice trains');
my $predict = q{SELECT tensile.predict('hers', p) IS NOT NULL FROM (SELECT 0.5::float8 AS a, '1'::text AS kind) AS p};
ok_as('alice', $predict, 't', 'alice predicts');
ok_as('alice', q{SELECT count(*) > 0 FROM tensile.evaluate('hers', 'SELECT * FROM work.points')}, 't', 'alice evaluates');
ok_as('alice', q{SELECT name, owner FROM tensile.models}, 'hers|alice', 'alice sees her model');
ok_as('alice', q{SELECT count(*) > 0 FROM tensile.training_log WHERE model = 'hers'}, 't', 'alice reads its log');
ok_as('alice', q{SELECT count(*) FROM tensile.pool WHERE session <> 0}, '0', 'alice looks at the pool');

# Bob may not, until the carrier says so.
fails_as('bob', $predict, '42501', 'bob may not predict');
ok_as('bob', q{SELECT count(*) FROM tensile.models}, '0', 'bob does not see the model');
fails_as('bob', q{SELECT tensile.drop_model('hers')}, '42501', 'bob may not drop it');
fails_as('bob', q{SELECT tensile.rename_model('hers', 'his')}, '42501', 'bob may not rename it');
fails_as('bob', q{SELECT * FROM tensile.train('theirs', 'mlp', 'SELECT * FROM work.points', target => '{y}')}, '42501',
    'bob may not train on what he may not read');
fails_as('bob', q{SELECT * FROM tensile.train('hers', 'mlp', 'SELECT i::float8 AS x, i::float8 AS y FROM generate_series(1, 100) AS i',
    target => '{y}', replace => true)}, '42501', 'bob may not replace it');
fails_as('alice', q{SELECT bytes FROM tensile_store.weight}, '42501', 'not even its owner reads the stored weights directly');

my $carrier = $node->safe_psql('postgres', q{
    SELECT format('%I.%I', n.nspname, t.typname) FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = 'tensile_store' AND t.typname LIKE 'm\_%' AND t.typtype = 'c'});
ok_as('alice', "GRANT USAGE ON TYPE $carrier TO bob", undef, 'alice grants the use of her model');
ok_as('bob', $predict, 't', 'bob predicts');
fails_as('bob', q{SELECT tensile.drop_model('hers')}, '42501', 'bob still may not drop it');

# Superuser-only functions.
fails_as('alice', q{SELECT tensile.stop_engine()}, '42501', 'alice may not stop the engine');
fails_as('alice', q{SELECT tensile.restart_engine()}, '42501', 'alice may not restart the engine');

# Ownership follows the server's own commands.
fails_as('postgres', 'DROP ROLE alice', '2BP01', 'a role that owns a model cannot be dropped');
$node->safe_psql('postgres', 'REASSIGN OWNED BY alice TO carol');
is($node->safe_psql('postgres', q{SELECT owner FROM tensile.models WHERE name = 'hers'}), 'carol', 'REASSIGN OWNED moves the model');
ok_as('carol', q{SELECT tensile.rename_model('hers', 'carols')}, undef, 'carol renames it');
ok_as('carol', q{SELECT name FROM tensile.models}, 'carols', 'under its new name');
$node->safe_psql('postgres', 'DROP OWNED BY carol');
is($node->safe_psql('postgres', q{SELECT count(*) FROM tensile_store.model}), '0', 'DROP OWNED removes the model');
is($node->safe_psql('postgres', q{SELECT count(*) FROM tensile_store.weight}), '0', 'and its weights');
$node->safe_psql('postgres', 'DROP ROLE carol');

$node->stop;
done_testing();
