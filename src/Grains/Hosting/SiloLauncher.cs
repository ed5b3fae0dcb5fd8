using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Livebed.Grains.Hosting;

/// <summary>How a process of Livebed.Silo is started.</summary>
public static class SiloLauncher
{
    /// <summary>The program and its arguments, with nothing of the user's settings for silos in its environment: they are for silos that
    /// the user starts.</summary>
    /// <exception cref="FileNotFoundException">Livebed.Silo.dll is not beside this program.</exception>
    public static ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var dll = Path.Combine(AppContext.BaseDirectory, "Livebed.Silo.dll");
        if (!File.Exists(dll)) throw new FileNotFoundException("Livebed.Silo.dll is not beside this program", dll);
        var start = new ProcessStartInfo(Dotnet());
        start.ArgumentList.Add(dll);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (
            var variable in start.Environment.Keys.Where(key => key.StartsWith(SettingSources.Prefix, StringComparison.Ordinal)).ToList())
            start.Environment.Remove(variable);
        return start;
    }

    /// <summary>The dotnet that runs this process: its runtime lies in dotnet/shared/Microsoft.NETCore.App/version.</summary>
    internal static string Dotnet()
    {
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var dotnet = Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
        return File.Exists(dotnet) ? dotnet : "dotnet";
    }
}
