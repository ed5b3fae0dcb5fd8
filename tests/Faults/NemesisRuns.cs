using System.Globalization;
using System.Text.Json;

namespace Livebed.Faults;

/// <summary>
/// Many short runs of the command's own nemesis, one seed after the other, until it has made so many faults: no run may be invalid, and one
/// that is unknown has to say why. The last lines are a table: how often each fault was made, what it cost and how the runs ended.
/// </summary>
internal static class NemesisRuns
{
    private const string Kinds = "kill,pause,cut,slow,partition,duplicate,late,full";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    /// <param name="faults">to be made, over all runs</param>
    /// <param name="seed">of the first run; the next has the next</param>
    /// <param name="redis">whose membership table the runs use, and which is a fault too; null for none</param>
    /// <param name="image">folder of another build of the command; null for the one that was built with this</param>
    /// <returns>whether every run ended as it may</returns>
    public static async Task<bool> RunAsync(int faults, int seed, string? redis, string? image)
    {
        var (made, ends) = (new SortedDictionary<string, (int Times, int Lost, int Bad)>(StringComparer.Ordinal), new List<string>());
        var isGood = true;
        for (var number = seed; made.Values.Sum(kind => kind.Times) < faults; number++)
        {
            using var folder = new ScratchFolder();
            using var command = CommandUnderTest.Start([.. Arguments(number, redis), "--out", folder.FullPath], quota: null, image);
            var (end, why) = await command.EndAsync(Limit) ? (Row.NameOf(command.ExitCode), "") : ("hangs", "it did not end");
            var before = made.Values.Sum(kind => kind.Times);
            if (Directory.EnumerateFiles(folder.FullPath, "results.json", SearchOption.AllDirectories).FirstOrDefault() is { } file)
            {
                using var results = JsonDocument.Parse(await File.ReadAllTextAsync(file));
                why = string.Join(" ", results.RootElement.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()));
                foreach (var fault in results.RootElement.GetProperty("nemesis").EnumerateArray()) Count(made, fault);
            }

            var isAsItMay = end == "valid" || (end == "unknown" && why.Length > 0);
            isGood &= isAsItMay;
            ends.Add(end);
            var count = made.Values.Sum(kind => kind.Times) - before;
            Console.WriteLine(FormattableString.Invariant($"{(isAsItMay ? "ok" : "FAILED"),-8}seed {number,-6} {end,-8} {count} faults  ")
                + (end == "valid" ? "" : why));
            foreach (var line in isAsItMay ? [] : command.Lines.TakeLast(60)) Console.WriteLine($"        {line}");

            // A bed that cannot make a fault would be asked for ever.
            if (count == 0) return false;
        }

        Console.WriteLine("fault      times  VMs lost  not as planned");
        foreach (var (kind, (times, lost, bad)) in made)
            Console.WriteLine(FormattableString.Invariant($"{kind,-9} {times,6} {lost,9} {bad,15}"));
        foreach (var group in ends.GroupBy(end => end)) Console.WriteLine($"{group.Count(),5} {group.Key}");
        return isGood;
    }

    private static string[] Arguments(int seed, string? redis) =>
    [
        "run", "nemesis", "--processes", "--duration", "120s", "--nemesis", redis is null ? Kinds : Kinds + ",redis",
        "--nemesis-interval", "4s", "--seed", seed.ToString(CultureInfo.InvariantCulture), "--set", "nemesis.count=0",
        "--set", "nemesis.vary=0.8", .. redis is null ? [] : (string[])["--redis", redis],
    ];

    private static void Count(SortedDictionary<string, (int Times, int Lost, int Bad)> made, JsonElement fault)
    {
        var kind = fault.GetProperty("fault").GetString()!;
        var (times, lost, bad) = made.GetValueOrDefault(kind);
        made[kind] = (
            times + 1, lost + fault.GetProperty("lost").GetArrayLength(),
            bad + (fault.GetProperty("problem").ValueKind == JsonValueKind.Null ? 0 : 1));
    }
}
