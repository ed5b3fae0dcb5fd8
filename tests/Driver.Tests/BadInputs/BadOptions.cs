using System.CommandLine;
using Livebed.Driver.Advising;
using Livebed.Driver.Analyzing;
using Livebed.Driver.Benching;
using Livebed.Driver.Clusters;
using Livebed.Driver.Comparing;
using Livebed.Driver.Explaining;
using Livebed.Driver.Exploring;
using Livebed.Driver.Kernels;
using Livebed.Driver.Migrating;
using Livebed.Driver.MutantRuns;
using Livebed.Driver.Predicting;
using Livebed.Driver.Pricing;
using Livebed.Driver.QemuRuns;
using Livebed.Driver.Recording;
using Livebed.Driver.Reports;
using Livebed.Driver.Run;
using Livebed.Driver.Shrinking;
using Livebed.Driver.Viewing;

namespace Livebed.Driver.Tests.BadInputs;

/// <summary>Every option of every command without its value, twice, with values that it cannot have, and misspelled.</summary>
internal static class BadOptions
{
    /// <summary>Options that take a path: what no path can be is all that is wrong for them.</summary>
    private static readonly string[] _paths = ["--out", "--replay-file", "--markdown"];

    private static readonly (Command Command, string[] Words)[] _commands =
    [
        (new RunOptions().Command, ["run", "c.yaml"]),
        (new ClusterOptions().Up, ["cluster", "up", "--redis", "nowhere"]),
        (new ClusterOptions().Down, ["cluster", "down"]),
        (new ClusterOptions().Status, ["cluster", "status"]),
        (new ExploreOptions().Command, ["explore", "fault-vs-invalidate", "--schedules", "1"]),
        (new ReplayOptions().Command, ["replay", "nowhere.json"]),
        (new ShrinkCommandOptions().Command, ["shrink", "nowhere.json"]),
        (new MutantsOptions().Command, ["mutants"]),
        (new PredictOptions().Command, ["predict", "--dirty-rate", "1MiB/s", "--memory", "64MiB"]),
        (new AdviseOptions().Command, ["advise", "--dirty-rate", "1MiB/s", "--memory", "64MiB", "--link", "1Gbit/s"]),
        (new ExplainOptions().Command, ["explain", "nowhere.log", "--dirty-rate", "1MiB/s", "--memory", "64MiB"]),
        (new QemuRunOptions().Command, ["qemu", "nowhere"]),
        (new RecordOptions().Command, ["record", "--pid", "0"]),
        (new MigrateOptions().Command, ["migrate"]),
        (new BenchOptions().Migrate, ["bench", "migrate"]),
        (new ReportOptions().Command, ["report", "nowhere"]),
        (new AnalyzeOptions().Command, ["analyze", "nowhere"]),
        (new ViewOptions().Command, ["view", "nowhere"]),
        (new PriceOptions().Command, ["price", "uncontended", "--set", "ms=1", "--protocols", "rwsem"]),
        (new MuseumOptions().Command, ["museum"]),
        (new CalibrateOptions().Command, ["price", "calibrate"]),
        (new KernelOptions().Command, ["kernel"]),
        (new KernelOptions().Race, ["kernel", "race"]),
        (new KernelOptions().Record, ["kernel", "record"]),
        (new KernelOptions().Compare, ["kernel", "compare", "nowhere.answers"]),
        (new KernelOptions().Play, ["kernel", "play", "nowhere.script"]),
        (new CompareOptions().Command, ["compare", "c.yaml", "--protocols", "rwsem,active-count", "--repeat", "1"]),
    ];

    public static IEnumerable<BadInput> All()
    {
        foreach (var (command, words) in _commands)
        {
            foreach (var option in command.Options)
            {
                // It asks for the stack trace.
                if (option.Name == "--verbose") continue;
                yield return Of([.. words, option.Name + "x"]);
                if (option is Option<bool>)
                {
                    yield return Of([.. words, option.Name, "nonsense!"]);
                    continue;
                }

                if (words.Contains(option.Name)) continue;
                yield return Of([.. words, option.Name]);
                if (option is not Option<string[]>) yield return Of([.. words, option.Name, "a", option.Name, "b"]);
                if (_paths.Contains(option.Name))
                    yield return Of(
                        [.. words, option.Name, "nowhere/below/a-file"], isWrong: command.Name is not ("run" or "migrate" or "compare"));
                else
                    foreach (var value in new[] { "", "nonsense!", "-1e99", "\u001b[31m", "99999999999999999999", "\ud800", " " })
                        yield return Of([.. words, option.Name, value]);
            }

            yield return Of([.. words, "one", "too", "many"]);
            yield return Of([.. words, "\u001b[2J"]);
        }

        string[][] others =
            [["nonsense"], ["\u001b[2J"], [""], ["list", "nonsense"], ["list", "\u001b[2J"], ["bench"], ["cluster"]];
        foreach (var words in others) yield return Of(words);
    }

    private static BadInput Of(string[] words, bool isWrong = true) => new(
        string.Join(' ', words), words, isWrong, folder => folder.Write("c.yaml", CommandHarness.SmallCampaign));
}
