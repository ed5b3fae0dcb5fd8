using Livebed.Silo;

return await SiloCommand.Create().Parse(args).RunAsync();
