using System.Globalization;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// How many files and sockets the process may have open (`ulimit -n`). With too few of them the runtime fails wherever it happens to need
/// one, and says something else.
/// </summary>
internal static class OpenFileLimit
{
    /// <summary>For the runtime and its assemblies, with a cluster of a few silos.</summary>
    public const int Least = 256;

    /// <summary>What the user reads.</summary>
    public static string Problem => $"livebed: the process may have too few files and sockets open (ulimit -n); allowed: at least {Least}";

    private const string Row = "Max open files";

    /// <summary>Null where the system does not tell, or sets none.</summary>
    public static int? OfProcess()
    {
        const string Limits = "/proc/self/limits";
        try
        {
            return File.Exists(Limits) ? Parse(File.ReadAllText(Limits)) : null;
        }
        catch (IOException)
        {
            // Not one file more.
            return 0;
        }
    }

    /// <summary>The soft limit in the text of /proc/self/limits.</summary>
    internal static int? Parse(string limits)
    {
        var row = limits.Split('\n').FirstOrDefault(line => line.StartsWith(Row, StringComparison.Ordinal));
        var fields = row?[Row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return int.TryParse(fields.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var soft) ? soft : null;
    }
}
