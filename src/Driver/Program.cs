using Livebed.Driver;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Running;

using var environment = CommandEnvironment.OfProcess(options => new CampaignRunner(options));
var exitCode = await LivebedCommand.RunAsync(args, environment);
environment.Pulse?.End(exitCode);
return exitCode;
