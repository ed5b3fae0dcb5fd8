using System.Globalization;
using Livebed.Driver.Results;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Reality;

/// <summary>
/// What our own sender takes beside its bytes, from two guests that write little, over a link without a bound. The first migration compiles
/// the code and is left out. The second goes to memory that its host has never used, the next ones to memory that was used before.
/// </summary>
internal static class SenderTable
{
    private const int MemoryMib = 256;
    private const int Migrations = 8;

    /// <summary>A round of so few pages is its end and nothing else.</summary>
    private const int FewPages = 64;

    /// <returns>0 when it was measured</returns>
    public static async Task<int> PrintAsync()
    {
        var folder = Directory.CreateTempSubdirectory("livebed-reality-").FullName;
        try
        {
            string[] settings =
            [
                "vms.0.count=2", "vms.0.guest.rate=500", $"vms.0.guest.bytesPerVcpu={MemoryMib}MiB", $"memory={MemoryMib * 3}MiB",
                "migrations.maxBandwidth=0B/s", "migrations.linkBandwidth=0B/s", "migrations.downtimeLimit=10us",
                "migrations.roundsMax=12", "migrations.timeoutAction=suspend", "migrations.channelWindow=4", "migrations.start=3s",
                string.Create(CultureInfo.InvariantCulture, $"migrations.count={Migrations}"), "migrations.inFlight=1",
                "migrations.pingPong=true",
            ];
            var (code, _) = await CommandRun.RunAsync(
            [
                "run", "steady-rate", .. settings.SelectMany(setting => new[] { "--set", setting }), "--seed", "1", "--out", folder,
                "--json",
            ]);
            var run = Directory.GetDirectories(folder).FirstOrDefault();
            if (run is null) return code;
            Print(ResultsJson.Read(await File.ReadAllBytesAsync(Path.Combine(run, "results.json"))));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Print(RunResults results)
    {
        var warm = results.Migrations.Skip(1).Where(one => one.Status == MigrationStatus.Completed).ToList();
        var (first, later) = (warm.Take(1), warm.Skip(1).ToList());
        var page = Median(later.Select(PageOf));
        var ends = warm.SelectMany(one => one.Rounds).Where(round => round.Round > 0 && round.Pages <= FewPages)
            .Select(round => round.DurationMilliseconds * 1e3 - round.Pages * page).ToList();
        var usual = SenderCosts.Measured;
        CommandRun.Head("part", "median", "least", "most", "of", "default");
        Row("setup", warm.Select(one => one.SetupTime * 1e3), usual.SetupMicroseconds);
        Row("first-page", first.Select(PageOf), usual.FirstPageMicroseconds);
        Row("page", later.Select(PageOf), usual.PageMicroseconds);
        Row("round", ends, usual.RoundMicroseconds);
        Row("switchover", warm.Select(one => one.Downtime * 1e3 - one.DowntimeParts.PagesMilliseconds * 1e3), usual.SwitchoverMicroseconds);
        Row("comparison of all memory, a page", warm.Select(one => one.CheckTime * 1e3 * one.Ram.PageSize / one.Ram.Total), null);
        Row("switchover of the first migration", results.Migrations.Take(1).Select(one => one.Downtime * 1e3), null);
        Console.WriteLine($"\nMicroseconds. {CommandRun.Machine()}");
    }

    private static double PageOf(MigrationResult migration) =>
        migration.Rounds[0].DurationMilliseconds * 1e3 / Math.Max(1, migration.Rounds[0].Pages);

    private static void Row(string part, IEnumerable<double> microseconds, double? usual)
    {
        var values = microseconds.Order().ToList();
        if (values.Count > 0)
            CommandRun.Row(
                part, Text(Median(values)), Text(values[0]), Text(values[^1]), Text(values.Count),
                usual is { } known ? Text(known) : "none");
    }

    private static double Median(IEnumerable<double> values) =>
        Spread.Of(values)?.Median ?? 0;

    private static string Text(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
