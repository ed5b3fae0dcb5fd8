using System.Globalization;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.BadInputs;

/// <summary>
/// Whatever a user gives, the command does not break: what is wrong is refused with exit status 64 and one line, and nothing fails as a
/// defect of the bed, hangs, prints a stack trace or lets a terminal obey. A sample of the generators' inputs; LIVEBED_BAD_INPUTS sets
/// how many, and LIVEBED_BAD_INPUTS_SEED which.
/// </summary>
public sealed class BadInputTests
{
    private const int Sample = 150;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Bad_input_is_refused_with_one_line_and_breaks_nothing()
    {
        var inputs = BadInput.All(await InputFiles.MakeAsync(), Setting("LIVEBED_BAD_INPUTS_SEED", 1));
        var problems = new List<string>();
        foreach (var input in inputs.Take(Setting("LIVEBED_BAD_INPUTS", Sample)))
            if (await ProblemOfAsync(input) is { } problem)
                problems.Add($"{input.What}: {problem}");
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    /// <summary>Null when the command does what it should.</summary>
    private static async Task<string?> ProblemOfAsync(BadInput input)
    {
        using var harness = new CommandHarness();
        input.Prepare?.Invoke(harness.Folder);
        int exitCode;
        try
        {
            exitCode = await Task.Run(() => harness.RunAsync([.. input.Arguments])).WaitAsync(_patience);
        }
        catch (TimeoutException)
        {
            return $"it hangs for {_patience.TotalSeconds:0} s";
        }

        var says = $"exit {exitCode}: {harness.Error}";
        if (harness.Error.Concat(harness.Out).Any(c => char.IsControl(c) && c is not '\n')) return $"control characters: {says}";
        if (exitCode is ExitCodes.BedFailed) return says;
        if (exitCode is not ExitCodes.Usage) return input.IsWrong ? $"accepted, {says}" : null;
        if (harness.Error.Count(c => c == '\n') != 1 || !harness.Error.EndsWith('\n')) return $"not one line, {says}";
        if (harness.Out.Length > 0) return $"output in spite of {says}";
        return harness.RunFolders.Count > 0 ? $"a run folder in spite of {says}" : null;
    }

    private static int Setting(string variable, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : usual;
}
