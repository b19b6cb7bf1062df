# A hot standby has an engine of its own, preloaded or not, and keeps it through promotion.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Tensile;
use Test::More;

my $primary = new_server('primary', replicates => 1);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION tensile');
my $engine = wait_for_engine($primary);
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
ok(!-e $standby->data_dir . '/pgsql_tmp_tensile', 'the backup has no run directory');
$standby->start;
$primary->wait_for_catchup($standby);
my $standby_engine = wait_for_engine($standby);
isnt($standby_engine, $engine, 'the standby has its own engine');
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'it is a standby');
cmp_ok($standby->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'its engine serves');
kill 'KILL', $standby_engine;
$standby_engine = wait_for_other_engine($standby, $standby_engine);

# The engine outlives the promotion.
$standby->promote;
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', 'it has been promoted');
is(status($standby, 'engine_pid'), $standby_engine, 'with the same engine');
$standby->stop;

# Without preloading, the first call on a standby starts one.
my $late = PostgreSQL::Test::Cluster->new('late_standby');
$late->init_from_backup($primary, 'base', has_streaming => 1);
$late->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$late->start;
$primary->wait_for_catchup($late);
is(status($late, 'state'), 'stopped', 'no engine at first');
cmp_ok($late->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'the first call starts one');
is($late->safe_psql('postgres', 'SELECT tensile.stop_engine()'), 't', 'it can be stopped');
$late->stop;
$primary->stop;
no_crash($_, $_->name . ': no process crashed') foreach $primary, $standby, $late;

done_testing();
