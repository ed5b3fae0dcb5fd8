using Livebed.Driver;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Running;

using var environment = CommandEnvironment.OfProcess(options => new CampaignRunner(options));
return await LivebedCommand.RunAsync(args, environment);
