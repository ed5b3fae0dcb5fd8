using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Spectre.Console;

namespace Livebed.Driver.Benching;

/// <summary>What `bench migrate` prints for people: the two times, how they were made up, and each goal with whether it holds.</summary>
internal sealed class BenchReport(CommandEnvironment environment)
{
    private readonly ReportPage _page = new(environment);

    public void Write(BenchResult result)
    {
        var request = result.Request;
        _page.Line(
            $"{Figures.Bytes(request.Memory)} of incompressible memory, pages of {Figures.Bytes(request.PageSize)}, "
                + $"{request.Channels} channels", style: new Style(decoration: Decoration.Bold));
        WriteTimes(result);
        WriteGoals(result);
        _page.Violations(result.Violations);
        var holds = result.HoldsAll && result.Violations.Count == 0;
        _page.Line($"goals: {(holds ? "hold" : "missed")}", style: new Style(holds ? Color.Green : Color.Red, decoration: Decoration.Bold));
    }

    private void WriteTimes(BenchResult result)
    {
        var table = Tables.Create("median", "time", "per second", "processor time", "comparison", "downtime");
        table.Row(
            "raw TCP", Time(result.RawSeconds), Figures.Bytes(result.BytesPerSecond(result.RawSeconds)), Time(result.RawCpuSeconds), "",
            "");
        table.Row(
            "migration", Time(result.MoveSeconds), Figures.Bytes(result.BytesPerSecond(result.MoveSeconds)), Time(result.MoveCpuSeconds),
            Time(result.CheckSeconds), Figures.Microseconds(result.DowntimeMicroseconds));
        _page.Console.Write(table);
        _page.Line($"raw TCP:   {string.Join(' ', result.Raw.Select(raw => Time(raw.Total.TotalSeconds)))}", 2);
        _page.Line($"migration: {string.Join(' ', result.Moves.Select(move => Time(move.Total.TotalSeconds)))}", 2);
        _page.Line($"without the bed's own comparison of all memory: {Number(result.RatioWithoutCheck)} times raw TCP", 2);
    }

    private void WriteGoals(BenchResult result)
    {
        var table = Tables.Create("goal", "measured", "allowed", "holds");
        table.Row("time, in times of raw TCP", Number(result.Ratio), Number(BenchResult.RatioMax), Word(result.HoldsRatio));
        table.Row(
            "bytes in flight", Figures.Bytes(result.InFlightBytes), Figures.Bytes(BenchResult.InFlightBytesMax),
            Word(result.HoldsInFlight));
        table.Row("memory", Figures.Bytes(result.MemoryBytes), Figures.Bytes(result.MemoryBytesMax), Word(result.HoldsMemory));
        _page.Console.Write(table);
    }

    private static string Time(double seconds) => Figures.Microseconds(seconds * 1e6);

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Word(bool holds) => holds ? "yes" : "no";
}
