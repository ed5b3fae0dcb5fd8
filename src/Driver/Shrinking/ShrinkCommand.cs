using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Exploring;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Replays;
using Livebed.Explorer.Shrinking;

namespace Livebed.Driver.Shrinking;

/// <summary>`livebed shrink`: reads a replay, makes it smaller, writes it, and says how to play it.</summary>
internal sealed class ShrinkCommand(CommandEnvironment environment)
{
    private const string Extension = ".replay.json";

    public async Task<int> RunAsync(ShrinkRequest request)
    {
        var path = Path.GetFullPath(request.File, environment.Folders.Current);
        var (replay, player) = await environment.Interrupts.AwaitAsync(
            () => ReplaySource.Read(environment.Folders.Current, request.File));
        var target = TargetOf(request, path);
        var begun = environment.Clock.GetTimestamp();
        environment.Pulse?.Begin(request.Budget);
        var result = new Shrinker(player, new ShrinkOptions
        {
            IsOver = () =>
            {
                environment.Pulse?.Beat();
                return environment.Interrupts.Token.IsCancellationRequested || environment.Clock.GetElapsedTime(begun) >= request.Budget;
            },
        }).Shrink(replay);
        if (result.Replay is null)
        {
            await environment.Error.WriteLineAsync($"{request.File}: there is nothing to shrink: {result.Refusal}");
            return ExitCodes.Unknown;
        }

        Save(result.Replay, target);
        var report = new Report(replay, result, environment.Folders.Label(target), environment.Clock.GetElapsedTime(begun));
        if (request.Json) await environment.Out.WriteLineAsync(JsonSerializer.Serialize(JsonOf(report), ExploreJson.Options));
        else Write(report);
        await environment.Out.FlushAsync();
        return environment.Interrupts.Token.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Valid;
    }

    private string TargetOf(ShrinkRequest request, string source)
    {
        if (request.Out is null)
        {
            var stem = source.EndsWith(Extension, StringComparison.Ordinal)
                ? source[..^Extension.Length]
                : Path.ChangeExtension(source, null);
            return $"{stem}.min{Extension}";
        }

        var path = Path.GetFullPath(request.Out, environment.Folders.Current);
        if (Directory.Exists(path)) throw new UsageException($"--out {request.Out}: is a folder; allowed: a file");
        return Directory.Exists(Path.GetDirectoryName(path))
            ? path
            : throw new UsageException($"--out {request.Out}: its folder does not exist; allowed: a file in a folder that does");
    }

    private static void Save(Replay replay, string path)
    {
        try
        {
            ReplayFile.Write(path, replay);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BedException($"the replay could not be written: {exception.Message}", exception);
        }
    }

    private void Write(Report report)
    {
        var page = new ReportPage(environment);
        var (before, after) = (report.Result.Before, report.Result.After);
        page.Line(
            $"{report.Replay.Scenario}, protocol {report.Replay.Protocol}, mutant {report.Replay.Mutant}: "
                + $"still violates {report.Result.Kept}");
        var table = Tables.Create("", "before", "after");
        table.Row("actors", Figures.Count(before.Actors), Figures.Count(after.Actors));
        table.Row("operations", Figures.Count(before.Operations), Figures.Count(after.Operations));
        table.Row("switches", Figures.Count(before.Switches), Figures.Count(after.Switches));
        table.Row("steps", Figures.Count(before.Steps), Figures.Count(after.Steps));
        page.Console.Write(table);
        page.Line(FormattableString.Invariant($"{report.Result.Plays} schedules played in {report.Elapsed.TotalSeconds:0.0}s"));
        if (report.Result.Limit is { } limit) page.Line($"stopped by {limit}: it may get smaller still");
        page.Copyable($"replay file  {report.File}");
        page.Copyable($"play it with {report.Command}");
    }

    private static object JsonOf(Report report) => new
    {
        scenario = report.Replay.Scenario,
        protocol = report.Replay.Protocol,
        mutant = report.Replay.Mutant,
        kept = report.Result.Kept,
        before = report.Result.Before,
        after = report.Result.After,
        plays = report.Result.Plays,
        elapsedSeconds = Math.Round(report.Elapsed.TotalSeconds, 3),
        limit = report.Result.Limit,
        without = report.Result.Replay!.Without.Names,
        logHash = ExploreJson.HashOf(report.Result.Replay.LogHash),
        replayFile = report.File,
        command = report.Command,
    };

    private sealed record Report(Replay Replay, ShrinkResult Result, string File, TimeSpan Elapsed)
    {
        public string Command => $"{CommandText.Livebed} {CommandText.Words(["replay", File])}";
    }
}
