using System.Text.Json;
using Livebed.Driver.Exploring;

namespace Livebed.Driver.Benching;

/// <summary>What `bench migrate --json` prints; docs/bench.md explains each field. A field without a value is null, never absent.</summary>
internal static class BenchJson
{
    public static string Write(BenchResult result) => JsonSerializer.Serialize(
        new
        {
            holds = result.HoldsAll,
            memoryBytes = result.Request.Memory,
            result.Request.PageSize,
            result.Request.Channels,
            processors = Environment.ProcessorCount,
            raw = new
            {
                milliseconds = Milliseconds(result.RawSeconds),
                bytesPerSecond = Math.Round(result.BytesPerSecond(result.RawSeconds)),
                cpuMilliseconds = Milliseconds(result.RawCpuSeconds),
                runs = result.Raw.Select(raw => new
                {
                    totalMilliseconds = Milliseconds(raw.Total.TotalSeconds),
                    cpuMilliseconds = Milliseconds(raw.Cpu.TotalSeconds),
                }),
            },
            migration = new
            {
                milliseconds = Milliseconds(result.MoveSeconds),
                bytesPerSecond = Math.Round(result.BytesPerSecond(result.MoveSeconds)),
                cpuMilliseconds = Milliseconds(result.MoveCpuSeconds),
                checkMilliseconds = Milliseconds(result.CheckSeconds),
                runs = result.Moves.Select(MoveOf),
            },
            ratio = new
            {
                value = Math.Round(result.Ratio, 3),
                withoutCheck = Math.Round(result.RatioWithoutCheck, 3),
                goal = BenchResult.RatioMax,
                holds = result.HoldsRatio,
            },
            inFlight = new { bytes = result.InFlightBytes, goal = BenchResult.InFlightBytesMax, holds = result.HoldsInFlight },
            peakMemory = new { bytes = result.MemoryBytes, goal = result.MemoryBytesMax, holds = result.HoldsMemory },
            violations = result.Violations.Select(ExploreJson.ViolationOf),
        },
        ExploreJson.Options) + "\n";

    private static object MoveOf(MeasuredMove move) => new
    {
        totalMilliseconds = Milliseconds(move.Total.TotalSeconds),
        cpuMilliseconds = Milliseconds(move.Cpu.TotalSeconds),
        checkMilliseconds = Milliseconds(move.Check.TotalSeconds),
        downtimeMilliseconds = move.Info.DowntimeMicroseconds / 1e3,
        commandMilliseconds = Milliseconds(move.Command.TotalSeconds),
        rounds = move.Info.Rounds.Count,
        transferred = move.Info.Transferred,
    };

    private static double Milliseconds(double seconds) => Math.Round(seconds * 1e3, 3);
}
