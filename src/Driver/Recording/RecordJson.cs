using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Linux.Recording;

namespace Livebed.Driver.Recording;

/// <summary>What `record --json` prints; docs/your-vm.md explains each field. A field without a value is null, never absent.</summary>
internal static class RecordJson
{
    public static string Write(RecordOutcome outcome, IReadOnlyList<string> notes, string path, int? status) => JsonSerializer.Serialize(
        new
        {
            file = path,
            name = outcome.Name,
            memory = outcome.Memory,
            backend = outcome.Backend,
            end = outcome.End,
            startedAt = outcome.StartedAt,
            durationMilliseconds = outcome.Duration.TotalMilliseconds,
            intervals = outcome.Intervals,
            intervalMilliseconds = new
            {
                asked = outcome.Interval.TotalMilliseconds,
                kept = outcome.KeptInterval.TotalMilliseconds,
                longest = outcome.Longest.TotalMilliseconds,
            },
            pages = outcome.Header.Pages,
            zeroPages = outcome.Header.ZeroPages,
            pageWrites = outcome.PageWrites,
            missedMilliseconds = outcome.Missed.TotalMilliseconds,
            cost = new
            {
                processorMilliseconds = outcome.ProcessorTime.TotalMilliseconds,
                faults = outcome.Faults,
                faultMicroseconds = outcome.FaultMicroseconds,
                slowdown = outcome.Header.Slowdown,
                stoodStillMicroseconds = outcome.InjectedMicroseconds,
            },
            programStatus = status,
            notes,
        },
        ExploreJson.Options) + "\n";
}
