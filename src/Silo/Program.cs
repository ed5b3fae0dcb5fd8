using Livebed.Silo;

return await SiloCommand.RunAsync(args, Environment.GetEnvironmentVariables());
