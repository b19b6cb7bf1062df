# The settings: checked, reserved, and what a change of them does to a running engine.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Tensile;
use Test::More;

my $node = new_server('settings');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tensile');
my $engine = wait_for_engine($node);

# Every setting with its place and unit.
is($node->safe_psql('postgres', "SELECT name, context, unit, min_val FROM pg_settings WHERE name LIKE 'tensile.%' ORDER BY 1"),
	join("\n",
		'tensile.device|sighup||',
		'tensile.host_memory|sighup|kB|16384',
		'tensile.log_level|sighup||',
		'tensile.max_pool_share|superuser||0.01',
		'tensile.pinned_memory|sighup|kB|0',
		'tensile.pool_size|sighup|kB|16384',
		'tensile.queue_timeout|user|ms|0',
		'tensile.spill_directory|sighup||',
		'tensile.spill_limit|sighup|kB|0',
		'tensile.threads|sighup||0'),
	'the settings');

# Values that are refused.
my %refused = (
	"ALTER SYSTEM SET tensile.pool_size = '1MB'" => 'a pool that is too small',
	"ALTER SYSTEM SET tensile.threads = 1000" => 'too many threads',
	"ALTER SYSTEM SET tensile.device = 'gpu'" => 'a device that is none',
	"ALTER SYSTEM SET tensile.device = 'cuda:'" => 'a device without number',
	"ALTER SYSTEM SET tensile.device = 'cuda:1x'" => 'a device with a bad number',
	"ALTER SYSTEM SET tensile.spill_directory = 'relative/path'" => 'a relative directory',
	"ALTER SYSTEM SET tensile.log_level = 'panic'" => 'a level that is none',
	"SET tensile.queue_timeout = -1" => 'a negative time');
is(sqlstate_of($node, $_), '22023', "refused: $refused{$_}") foreach sort keys %refused;
is(sqlstate_of($node, "SET tensile.pool_size = '1GB'"), '55P02', 'a session cannot set what the engine has');
is(sqlstate_of($node, 'SET tensile.pool_sice = 1'), '42602', 'a misspelled setting is refused');
is(sqlstate_of($node, "SET tensile.queue_timeout = '5min'"), '00000', 'a session may set how long it waits');

# A change that the running engine takes.
$node->safe_psql('postgres', "ALTER SYSTEM SET tensile.host_memory = '48MB'");
$node->reload;
ok($node->poll_query_until('postgres', 'SELECT host_limit = 48 * 1024 * 1024 FROM tensile.engine_status()'), 'the engine takes a new limit');
is(status($node, 'engine_pid'), $engine, 'without a restart');

# A change that needs another engine.
$node->safe_psql('postgres', "ALTER SYSTEM SET tensile.pool_size = '32MB'");
$node->reload;
$engine = wait_for_other_engine($node, $engine);
is(status($node, 'pool_size'), 32 * 1024 * 1024, 'another pool size comes with another engine');
is(status($node, 'last_failure IS NULL'), 't', 'which is no failure');

# A device that is not there: the engine cannot start, and everybody is told.
$node->safe_psql('postgres', "ALTER SYSTEM SET tensile.device = 'cuda:63'");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT state <> 'running' AND last_failure LIKE '%cuda:63%' FROM tensile.engine_status()"),
	'the status tells why the engine does not start');
my (undef, undef, $error) = $node->psql('postgres', 'TABLE tensile.methods', extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($error, qr/ERROR:  (0A000|22023|58000): device "cuda:63" is not available.*DETAIL:.*HINT:/s, 'a call fails and tells why');
is(sqlstate_of($node, 'SELECT tensile.restart_engine()'), $error =~ /ERROR:  (\w{5})/ ? $1 : 'none', 'so does a restart on request');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET tensile.device');
$node->reload;
ok($node->poll_query_until('postgres', "SELECT state = 'running' FROM tensile.engine_status()"), 'the next good setting starts it');

# A wrong value in the file of a server that has not preloaded the library costs nobody the session.
my $late = new_server('late', preload => 0, settings => "tensile.pool_size = '1kB'\ntensile.device = 'nothing'");
$late->start;
$late->safe_psql('postgres', 'CREATE EXTENSION tensile');
is($late->safe_psql('postgres', "LOAD 'tensile'; SHOW tensile.pool_size"), '1GB', 'a late-loaded library falls back to the default');
$late->stop;
$node->stop;

done_testing();
