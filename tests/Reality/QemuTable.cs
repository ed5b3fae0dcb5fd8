using System.Globalization;
using System.Text.Json;

namespace Livebed.Reality;

/// <summary>Four settings of `livebed qemu`: a real migration of a guest that replays a made recording, beside its forecast.</summary>
internal static class QemuTable
{
    private const double Mib = 1 << 20;

    private static readonly (MadeTrace Guest, int BandwidthMib)[] _settings =
    [
        (new MadeTrace(32, IsRandom: false, 4_000), 64),
        (new MadeTrace(32, IsRandom: false, 4_000), 24),
        (new MadeTrace(32, IsRandom: true, 8_000), 64),
        (new MadeTrace(64, IsRandom: true, 4_000), 32),
    ];

    /// <param name="only">rows whose guest has this text; null for all</param>
    /// <returns>0 when each migration completed and was measured; stale pages are QEMU's, and no failure of this</returns>
    public static async Task<int> PrintAsync(string? only)
    {
        var version = "";
        var failed = 0;
        CommandRun.Head("guest", "`max-bandwidth`", "syncs", "total time", "downtime", "sent", "stale pages", "load");
        foreach (var (guest, bandwidth) in _settings.Where(one => one.Guest.Name.Contains(only ?? "", StringComparison.Ordinal)))
        {
            var path = Path.Combine(Path.GetTempPath(), $"livebed-made-{Environment.ProcessId}.dirty.gz");
            guest.Write(path);
            try
            {
                var (_, json) = await CommandRun.RunAsync(
                    ["qemu", path, "--bandwidth", $"{bandwidth}MiB/s", "--downtime", "300ms", "--json"]);
                if (json is not { } run || run.GetProperty("status").GetString() != "completed") failed++;
                if (json is { } measured)
                {
                    Row(guest, bandwidth, measured);
                    version = $"QEMU {measured.GetProperty("qemuVersion").GetString()}, {measured.GetProperty("accelerator").GetString()}, "
                        + string.Create(CultureInfo.InvariantCulture, $"{measured.Number("memoryMib"):0} MiB");
                }
            }
            finally
            {
                File.Delete(path);
            }
        }

        Console.WriteLine($"\n{version}; downtime limit 300 ms; measured first, then the forecast's least, median and most; "
            + CommandRun.Machine());
        return failed == 0 ? 0 : 1;
    }

    private static void Row(MadeTrace guest, int bandwidth, JsonElement run) => CommandRun.Row(
        guest.Name, string.Create(CultureInfo.InvariantCulture, $"{bandwidth} MiB/s"),
        Cell(run, "dirtySyncCount", value => value?.ToString("0", CultureInfo.InvariantCulture) ?? "-"),
        Cell(run, "totalTimeMilliseconds", CommandRun.Time), Cell(run, "downtimeMilliseconds", CommandRun.Time),
        Cell(run, "transferred", value => value is { } bytes
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes / Mib:0.#} MiB")
            : "-"),
        run.Number("stalePages")?.ToString("0", CultureInfo.InvariantCulture) ?? "-",
        run.Number("loadAverage")?.ToString("0.0", CultureInfo.InvariantCulture) ?? "-");

    private static string Cell(JsonElement run, string field, Func<double?, string> text)
    {
        var (least, median, most) = (
            run.Number("forecast", field, "least"), run.Number("forecast", field, "median"), run.Number("forecast", field, "most"));
        return $"{text(run.Number("measured", field))}; {text(least)}, {text(median)}, {text(most)}";
    }
}
