using Livebed.Driver;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Run;
using Livebed.Driver.Running;

if (OpenFileLimit.OfProcess() < OpenFileLimit.Least)
{
    StandardStreams.Error().WriteLine(OpenFileLimit.Problem);
    return ExitCodes.Usage;
}

using var environment = CommandEnvironment.OfProcess(options => new CampaignRunner(options), YoungGeneration.FitTo);
var exitCode = await LivebedCommand.RunAsync(args, environment);
environment.Pulse?.End(exitCode);
return exitCode;
