using System.Globalization;

namespace Livebed.Faults;

/// <summary>What happens to the machine of a run. Its text is that of the table: a kind, and a length, share or size.</summary>
/// <param name="Kind">which</param>
/// <param name="Amount">seconds, percent of a processor, or KiB of disk; 0 where there is none</param>
internal sealed record Fault(FaultKind Kind, double Amount)
{
    private static readonly (string Name, FaultKind Kind, string Unit)[] _kinds =
    [
        ("suspend", FaultKind.Suspend, " s"), ("suspend-silo", FaultKind.SuspendSilo, " s"), ("kill-silo", FaultKind.KillSilo, ""),
        ("quota", FaultKind.Quota, " %"), ("full-disk", FaultKind.FullDisk, " KiB"),
    ];

    /// <summary>Silos that can be stopped alone have processes of their own.</summary>
    public bool NeedsProcesses => Kind is FaultKind.SuspendSilo or FaultKind.KillSilo;

    /// <exception cref="FormatException">The text is no fault.</exception>
    public static Fault Parse(string text)
    {
        var name = text.Split(' ')[0];
        var (_, kind, unit) = Array.Find(_kinds, entry => entry.Name == name) is { Name: not null } found
            ? found
            : throw new FormatException($"'{text}' is no fault; allowed: {string.Join(", ", _kinds.Select(entry => entry.Name))}");
        if (unit.Length == 0) return new Fault(kind, 0);
        var amount = text[name.Length..].TrimEnd(unit[1..].ToCharArray());
        return double.TryParse(amount, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? new Fault(kind, number)
            : throw new FormatException($"'{text}' has no amount; allowed: as in '{name} 7{unit}'");
    }

    public override string ToString()
    {
        var (name, _, unit) = Array.Find(_kinds, entry => entry.Kind == Kind);
        return unit.Length == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{name} {Amount:0.#}{unit}");
    }

    /// <summary>Does it to a command in the phase that it is in; a quota and a full disk are there from the beginning.</summary>
    public async Task StrikeAsync(CommandUnderTest command)
    {
        var victims = Kind switch
        {
            FaultKind.Suspend => command.Tree(),
            FaultKind.SuspendSilo or FaultKind.KillSilo => await LastSiloAsync(command),
            _ => [],
        };
        if (Kind == FaultKind.KillSilo) CommandUnderTest.Signal(victims, Signals.Kill);
        if (Kind is not (FaultKind.Suspend or FaultKind.SuspendSilo)) return;
        CommandUnderTest.Signal(victims, Signals.Stop);
        await Task.Delay(TimeSpan.FromSeconds(Amount));
        CommandUnderTest.Signal(victims, Signals.Continue);
    }

    /// <summary>Not the first, which has the membership table. At start-up its process may still have to come.</summary>
    private static async Task<IReadOnlyList<int>> LastSiloAsync(CommandUnderTest command)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var silos = command.Silos().Where(silo => silo.CommandLine.Contains("silo-1", StringComparison.Ordinal)).ToList();
            if (silos.Count > 0) return [silos[0].Id];
            await Task.Delay(20);
        }

        return [];
    }
}

internal enum FaultKind
{
    /// <summary>Every process of the bed stops for some seconds.</summary>
    Suspend,

    /// <summary>One silo does.</summary>
    SuspendSilo,

    /// <summary>One silo dies.</summary>
    KillSilo,

    /// <summary>All processes together have so much of one processor.</summary>
    Quota,

    /// <summary>The run folder is on a disk of so many KiB.</summary>
    FullDisk,
}
