# A server whose engine runs on a CUDA device, which a plug-in without CUDA plays: choosing the device, losing it, and what
# users are told. The plug-in obeys a file (test/support/fake_plugin_module.cpp).
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(__FILE__);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Tensile;
use Test::More;
use Time::HiRes qw(usleep);

plan skip_all => 'no plug-in without CUDA was built' unless -f ($ENV{TENSILE_FAKE_PLUGIN} // '');

my $orders = abs_path(PostgreSQL::Test::Utils::tempdir()) . '/orders';
$ENV{TENSILE_CUDA_PLUGIN} = $ENV{TENSILE_FAKE_PLUGIN};
$ENV{TENSILE_FAKE_PLUGIN_ORDERS} = $orders;

# What the plug-in does from the next engine on.
sub order
{
	my ($text) = @_;
	unlink $orders;
	append_to_file($orders, $text) if $text ne '';
	return;
}

# Makes the running engine's next launch the last one of its device. The plug-in has understood when the file is gone.
sub order_fault
{
	order('fault');
	foreach my $attempt (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return unless -e $orders;
		usleep(100_000);
	}
	die 'the plug-in does not follow orders';
}

# The engine's device by another setting, or anew by the same.
sub set_device
{
	my ($node, $device) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET tensile.device = '$device'");
	$node->reload;
	return;
}

my $options = q('{"epochs": 3, "hidden": [16], "batch_size": 64, "seed": 7}');
my $train = "SELECT 1 FROM tensile.train('%s', 'mlp', 'SELECT a, b, y FROM rows ORDER BY id', target => '{y}', options => $options)";

my $node = new_server('device', settings => "tensile.device = 'cuda:0'\ntensile.pinned_memory = '16MB'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tensile');
$node->safe_psql('postgres',
	'CREATE TABLE rows AS SELECT i AS id, sin(i * 0.7) AS a, cos(i * 1.3) AS b, 3 * sin(i * 0.7) - 2 * cos(i * 1.3) AS y FROM generate_series(1, 500) i');
my $engine = wait_for_engine($node);

# It is used, and users see it.
is(status($node, 'device'), 'cuda', 'the engine runs on the device');
isnt(status($node, 'device_name'), '', 'which has a name');
is(status($node, 'device_memory > pool_size AND device_free <= device_memory - pool_size'), 't', 'the pool is taken from its memory');
is(status($node, 'pinned_limit'), 16 * 1024 * 1024, 'and memory is pinned');
$node->safe_psql('postgres', sprintf($train, 'first'));
is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT tensile.predict('first', r) AS p FROM rows r) s WHERE p IS NOT NULL"),
	'500', 'a model is trained and predicts');
like($node->safe_psql('postgres', "SELECT manifest FROM tensile_store.version"), qr/"trained_on":\{"device":"cuda"/, 'the model tells so');
$node->safe_psql('postgres', sprintf($train =~ s/"seed": 7/"seed": 7, "precision": "bf16"/r, 'rounded'));
is($node->safe_psql('postgres', "SELECT count(*) FROM tensile.models WHERE name = 'rounded'"), '1', 'bf16 is for devices that can');

# A fault ends the engine, the next one goes on, and the same training gives the same model.
order_fault();
is(sqlstate_of($node, sprintf($train, 'second')), '58000', 'a training that meets a fault fails');
$engine = wait_for_other_engine($node, $engine);
is(status($node, 'device'), 'cuda', 'another engine runs on the device');
like(status($node, 'last_failure'), qr/exited with status 3: device fault: /, 'the status tells of the fault');
like(slurp_file($node->logfile), qr/tensile engine: device fault: could not /, 'so does the log');
$node->safe_psql('postgres', sprintf($train, 'second'));
is($node->safe_psql('postgres',
		"SELECT count(DISTINCT v.sha256) FROM tensile_store.version v JOIN tensile_store.model m ON m.id = v.model WHERE m.name IN ('first', 'second')"),
	'1', 'the same rows give the same model afterwards');
no_crash($node, 'nothing else was restarted');

# A device that is gone, asked for by its number: the engine does not start, clients are told why, and it comes back by itself.
order('gone');
kill 'KILL', status($node, 'engine_pid');
ok($node->poll_query_until('postgres', "SELECT last_failure LIKE '%\"cuda:0\" is not available%' FROM tensile.engine_status()"),
	'without its device the engine does not start');
my (undef, undef, $error) = $node->psql('postgres', "SELECT tensile.predict('first', r) FROM rows r", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($error, qr/ERROR:  58000: device "cuda:0" is not available.*DETAIL:  .*driver.*HINT:  /s, 'clients are told why');
order('');
wait_for_engine($node);
is(status($node, 'device'), 'cuda', 'when the device is back, so is the engine');

# The same with auto: the CPU is used, and the log says why.
order('gone');
set_device($node, 'auto');
ok($node->poll_query_until('postgres', "SELECT device = 'cpu' FROM tensile.engine_status()"), 'auto falls back to the CPU');
like(slurp_file($node->logfile), qr/tensile engine: using the CPU: could not open CUDA device 0: no NVIDIA driver/, 'the log says why');
is(sqlstate_of($node, "SELECT tensile.predict('first', r) FROM rows r"), '00000', 'models of the device predict there');
is(sqlstate_of($node, sprintf($train =~ s/"seed": 7/"seed": 7, "precision": "bf16"/r, 'third')), '0A000', 'bf16 is refused there');

# A device that fails again and again is given up.
order('');
$node->safe_psql('postgres', 'SELECT tensile.restart_engine()');
foreach my $attempt (1 .. 3)
{
	$engine = wait_for_engine($node);
	is(status($node, 'device'), 'cuda', "auto uses the device, attempt $attempt");
	order_fault();
	is(sqlstate_of($node, sprintf($train, "attempt$attempt")), '58000', 'which faults');
	$engine = wait_for_other_engine($node, $engine);
}
ok($node->poll_query_until('postgres', "SELECT state = 'running' AND device = 'cpu' FROM tensile.engine_status()"),
	'with auto, the CPU is used after some faults in a row');
like(status($node, 'warnings'), qr/The device has failed 3 times in a row/, 'the status warns');
like(slurp_file($node->logfile), qr/tensile engine goes on with the CPU: its device has failed 3 times in a row/, 'the log tells');
$engine = wait_for_engine($node);
kill 'KILL', $engine;
wait_for_other_engine($node, $engine);
is(status($node, 'device'), 'cpu', 'also by the next engine, when that one is killed');
$node->safe_psql('postgres', 'SELECT tensile.restart_engine()');
is(status($node, 'device'), 'cuda', 'a restart on request tries the device again');

$node->stop;
done_testing();
