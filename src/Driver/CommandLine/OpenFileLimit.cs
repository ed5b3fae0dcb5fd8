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

    /// <summary>So many fit into <see cref="Least"/>.</summary>
    private const int FewSilos = 4;

    /// <summary>What the user reads.</summary>
    public static string Problem => $"livebed: the process may have too few files and sockets open (ulimit -n); allowed: at least {Least}";

    /// <summary>Each silo of a process has connections to each other one, and both ends are the process's: 528 files were seen open with 16
    /// silos, 304 with 8, 229 with 3. Migrations open more.</summary>
    private const int PerPairOfSilos = 2;

    private const string Row = "Max open files";

    /// <summary>What a process needs that has so many silos.</summary>
    public static int LeastFor(int silos) => Least + PerPairOfSilos * silos * silos;

    /// <summary>What the user reads when the silos of a run do not fit; null when they do.</summary>
    public static string? ProblemOf(int silos, int? limit) => limit < LeastFor(silos) && silos > FewSilos
        ? $"{silos} silos in one process need {LeastFor(silos)} open files, and the process may have {limit} (ulimit -n); "
            + $"allowed: ulimit -n {LeastFor(silos)}, fewer silos, or --processes"
        : null;

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
