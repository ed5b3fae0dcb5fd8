using System.Globalization;
using System.Text.Json;
using Livebed.Kvm.Prediction;

namespace Livebed.Reality;

/// <summary>
/// What `advise` chooses for the shipped recordings, run by `migrate`, and whether the limits were kept. Then the next setting that costs
/// less and that `advise` says does not keep them: it should not. One that only lacks the margin is run without the margin's part of the
/// link. What our sender cannot carry on this machine is advised and not run.
/// </summary>
internal static class AdviseTable
{
    private const int PageBytes = 4096;
    private const double LinkMargin = 0.1;

    private static readonly string[] _workloads = ["redis", "sqlite", "xz"];

    /// <summary>Three data centres' links at a tenth of everything, and two as they are.</summary>
    private static readonly (string Link, double BytesPerSecond, string Speed)[] _links =
    [
        ("100Mbit/s", 12.5e6, "0.1"), ("1Gbit/s", 125e6, "0.1"), ("2.5Gbit/s", 312.5e6, "0.1"), ("10Gbit/s", 1.25e9, "1"),
        ("25Gbit/s", 3.125e9, "1"),
    ];

    /// <param name="only">rows whose workload and link have this text, as in "xz 1Gbit/s"; null for all</param>
    /// <returns>0 when each choice that was run kept the limits and the next cheaper one did not</returns>
    public static async Task<int> PrintAsync(string? only)
    {
        var wrong = 0;
        CommandRun.Head(
            "workload", "link", "choice", "total time", "downtime", "keeps both", "the next that costs less", "keeps both");
        foreach (var workload in _workloads)
            foreach (var (link, bandwidth, speed) in _links)
                if ($"{workload} {link}".Contains(only ?? "", StringComparison.Ordinal))
                    wrong += await RowAsync(workload, link, bandwidth, speed);
        Console.WriteLine(
            "\nLimits: 300 ms and 120 s, `--zero-share 0`; up to 2.5 Gbit/s the guest runs at a tenth of its speed. "
                + CommandRun.Machine());
        return wrong == 0 ? 0 : 1;
    }

    /// <returns>claims that turned out wrong</returns>
    private static async Task<int> RowAsync(string workload, string link, double bandwidth, string speed)
    {
        var (_, json) = await CommandRun.RunAsync(
            ["advise", workload, "--link", link, "--speed", speed, "--zero-share", "0", "--downtime", "300ms", "--time", "120s", "--json"]);
        if (json is not { } advised) return 1;
        var settings = advised.GetProperty("settings").EnumerateArray().ToList();
        var choice = settings.Find(one => one.GetProperty("isAdvisable").GetBoolean());
        if (choice.ValueKind == JsonValueKind.Undefined)
        {
            CommandRun.Row(workload, link, "none keeps the limits", "-", "-", "-", "-", "-");
            return 0;
        }

        var next = Next(settings, choice);
        var nextName = next is { } found ? $"{NameOf(found)} ({found.GetProperty("why").GetString()})" : "none";
        var carried = SenderCosts.Measured.OnTheLink(bandwidth, PageBytes, isFirst: false);
        if (carried < bandwidth)
        {
            var most = string.Create(CultureInfo.InvariantCulture, $"not run: our sender carries {carried / 1e6:0} MB/s here");
            CommandRun.Row(workload, link, NameOf(choice), "-", "-", most, nextName, "not run");
            return 0;
        }

        var kept = await MigrateAsync(choice, bandwidth);
        var nextKept = next is { } cheaper ? await MigrateAsync(cheaper, bandwidth) : null;
        CommandRun.Row(
            workload, link, NameOf(choice), kept?.Total ?? "-", kept?.Downtime ?? "-", kept?.Keeps ?? "-", nextName,
            nextKept is null ? "-" : $"{nextKept.Keeps} ({nextKept.Total}, {nextKept.Downtime})");
        return (kept?.Keeps == "yes" ? 0 : 1) + (nextKept?.Keeps == "yes" ? 1 : 0);
    }

    /// <summary>Of the settings that do not keep the limits by forecast, and of which the starts that complete cost the guest less than the
    /// choice, the one that costs most; of those that never complete, the first, which is the plainest.</summary>
    private static JsonElement? Next(List<JsonElement> settings, JsonElement choice)
    {
        var lost = choice.Number("guestLostMilliseconds", "median") ?? 0;
        var cheaper = settings.Where(one => !one.GetProperty("isAdvisable").GetBoolean())
            .Where(one => (one.Number("guestLostMilliseconds", "median") ?? 0) < lost)
            .OrderByDescending(one => one.Number("guestLostMilliseconds", "median") ?? -1).ToList();
        return cheaper.Count == 0 ? null : cheaper[0];
    }

    private static string NameOf(JsonElement setting)
    {
        var channels = setting.GetProperty("channels").GetInt32();
        var of = channels > 1 ? string.Create(CultureInfo.InvariantCulture, $", {channels} channels") : "";
        return setting.GetProperty("setting").GetString() + of;
    }

    private static async Task<Kept?> MigrateAsync(JsonElement setting, double bandwidth)
    {
        var line = setting.GetProperty("livebed").GetString()!;
        var words = line[line.IndexOf(" migrate ", StringComparison.Ordinal)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (setting.GetProperty("why").GetString() == "no margin")
            words[Array.IndexOf(words, "--bandwidth") + 1] =
                string.Create(CultureInfo.InvariantCulture, $"{(long)(bandwidth * (1 - LinkMargin))}B/s");
        var (_, json) = await CommandRun.RunWithFoldersAsync([.. words, "--json"]);
        if (json is not { } run || run.GetProperty("rows").GetArrayLength() == 0) return null;
        var row = run.GetProperty("rows")[0];
        var keeps = row.GetProperty("keepsGoals");
        var reason = row.GetProperty("reason").GetString();
        return new Kept(
            CommandRun.Time(row.Number("measured", "totalTimeMilliseconds")),
            CommandRun.Time(row.Number("measured", "downtimeMilliseconds")),
            keeps.ValueKind != JsonValueKind.True ? $"no{(reason is null ? "" : $": {reason}")}" : "yes");
    }

    private sealed record Kept(string Total, string Downtime, string Keeps);
}
