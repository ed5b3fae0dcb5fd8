using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;
using Livebed.Linux.Kvm;
using Spectre.Console;

namespace Livebed.Driver.Kernels;

/// <summary>What `kernel` and `kernel play` show to people.</summary>
internal sealed class KernelReport(CommandEnvironment environment)
{
    private readonly ReportPage _page = new(environment);

    public void Write(KernelRequest request, KvmSurvey? survey, IReadOnlyList<ModeResult> results, NormaliserTally tally)
    {
        _page.Line(
            survey is null ? $"the model with {request.Mutant} and the model without, seed {request.Seed}"
                : $"the model and {survey.Module} of kernel {survey.Kernel}, seed {request.Seed}");
        var table = Tables.Create("mode", "scripts", "steps", "result");
        foreach (var result in results)
            table.Row(
                ScriptWords.Of(result.Mode), Figures.Count(result.Scripts), Figures.Count(result.Steps),
                result.Difference is null ? "agree" : "DIFFER");
        _page.Console.Write(table);
        WriteNormalisers(tally);

        foreach (var result in results)
        {
            if (result.Difference is not { } difference) continue;
            _page.Line();
            _page.Line(
                $"mode {ScriptWords.Of(result.Mode)}: script {result.Scripts} differs; the shortest that does:",
                style: new Style(Color.Red));
            if (survey is null) WriteSteps(difference, "with defect", "without");
            else WriteSteps(difference);
            _page.Copyable($"play it with {CommandText.Livebed} {CommandText.Words(["kernel", "play", result.File!])}");
        }
    }

    /// <summary>What the scripts of a recording came to.</summary>
    /// <param name="kernel">which kernel has answered</param>
    /// <param name="modes">by mode of the log</param>
    /// <param name="tally">what of such a kernel showed, and what did not</param>
    public void Write(string kernel, IReadOnlyDictionary<DirtyLogMode, ComparedMode> modes, NormaliserTally tally)
    {
        _page.Line($"the model and a recording of {kernel}");
        var table = Tables.Create("mode", "scripts", "steps", "differ");
        foreach (var (mode, result) in modes)
            table.Row(
                ScriptWords.Of(mode), Figures.Count(result.Scripts), Figures.Count(result.Steps), Figures.Count(result.Differences));
        _page.Console.Write(table);
        WriteNormalisers(tally);
        foreach (var (mode, result) in modes)
        {
            if (result.First is not { } first) continue;
            _page.Line();
            _page.Line($"mode {ScriptWords.Of(mode)}: the first that differs, up to there:", style: new Style(Color.Red));
            WriteSteps(first);
            _page.Copyable($"play it with {CommandText.Livebed} {CommandText.Words(["kernel", "play", result.File!])}");
        }
    }

    private void WriteNormalisers(NormaliserTally tally)
    {
        foreach (var (name, scripts) in tally.Used)
        {
            var normaliser = Normaliser.All.First(candidate => candidate.Name == name);
            _page.Line(
                $"in {scripts} scripts, of {tally.Chances(name)} that could have shown it, {name}: {normaliser.Summary}");
        }

        foreach (var (normaliser, chances) in tally.Gone)
            WriteGone(normaliser.Name, $"{Figures.Count(chances)} scripts that could have shown it");
    }

    private void WriteGone(string name, string where) => _page.Line(
        $"GONE: {name} did not show in {where}: it is no longer known", style: new Style(Color.Red, decoration: Decoration.Bold));

    /// <param name="played">the script</param>
    /// <param name="absent">why the kernel was not asked; null where it was, or was not to be</param>
    public void Write(PlayedScript played, string? absent)
    {
        WriteSteps(played);
        if (absent is not null) _page.Line($"the model alone: {absent}");
        foreach (var name in played.Needed)
            _page.Line($"{name}: {Normaliser.All.First(normaliser => normaliser.Name == name).Summary}");
        if (played.Gone is { } gone) WriteGone(gone.Name, "the script that shows it");
        WriteOutcome(file: null, played);
    }

    /// <param name="file">where the script is; null to leave that out</param>
    /// <param name="played">the script</param>
    public void WriteOutcome(string? file, PlayedScript played)
    {
        var name = file is null ? "" : $"{file}: ";
        var (sides, expected) = (played.Model is null || played.Kernel is null, played.Script.Steps.Any(step => step.Expected is not null));
        if (!played.IsAsExpected) _page.Line($"{name}NOT as it has to be", style: new Style(Color.Red, decoration: Decoration.Bold));
        else if (expected) _page.Line($"{name}as expected", style: new Style(Color.Green, decoration: Decoration.Bold));
        else _page.Line(name + (sides ? "played; nothing was expected" : "agree"), style: new Style(decoration: Decoration.Bold));
    }

    /// <param name="played">the script</param>
    /// <param name="one">the head of the model's column</param>
    /// <param name="other">the head of the other side's: it is the model too where no kernel is asked</param>
    private void WriteSteps(PlayedScript played, string one = "model", string other = "kernel")
    {
        var expects = played.Script.Steps.Any(step => step.Expected is not null);
        List<string> columns = ["step", .. played.Model is null ? (string[])[] : [one],
            .. played.Kernel is null ? (string[])[] : [other]];
        if (expects) columns.Add("expected");
        var table = Tables.Create([.. columns, ""]);
        var difference = played.Comparison?.Difference?.Step ?? -1;
        for (var index = 0; index < played.Script.Steps.Count; index++)
        {
            var step = played.Script.Steps[index];
            List<string> cells = [(step with { Expected = null }).ToString()];
            if (played.Model is { } model) cells.Add(model.ElementAtOrDefault(index) ?? "");
            if (played.Kernel is { } kernel) cells.Add(kernel.ElementAtOrDefault(index) ?? "");
            if (expects) cells.Add(step.Expected ?? "");
            var isWrong = index == difference || index == played.ModelMiss || index == played.KernelMiss;
            cells.Add(isWrong ? "<--" : "");
            table.Row(cells);
        }

        _page.Console.Write(table);
        if (played.Model?.Count > played.Script.Steps.Count) _page.Line($"the model {played.Model[^1]}", style: new Style(Color.Red));
    }
}
