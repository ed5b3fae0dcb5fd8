using Livebed.Driver;
using Livebed.Driver.CommandLine;

using var environment = CommandEnvironment.OfProcess(_ => throw new BedException("this build has no runner"));
return await LivebedCommand.RunAsync(args, environment);
