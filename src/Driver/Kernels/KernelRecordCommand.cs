using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>
/// `livebed kernel record` asks the machine's KVM alone and prints its answers; `livebed kernel compare` plays the same scripts on the
/// model, on another machine or another day. A KVM under an emulated processor is slow, and the model need not be.
/// </summary>
internal sealed class KernelRecordCommand(CommandEnvironment environment)
{
    /// <exception cref="UndecidedException">There is no KVM that could be asked.</exception>
    public int Record(KernelRequest request)
    {
        using var device = KernelCommand.Open(environment);
        var kernel = new RealKernel(device);
        var survey = KvmSurvey.Of(device);
        environment.Pulse?.Begin(budget: null);
        environment.Out.WriteLine(RecordedAnswers.HeaderOf(survey.Module, survey.Kernel));
        for (var index = 0; index < request.Scripts; index++)
            foreach (var mode in request.Modes)
            {
                if (environment.Interrupts.Token.IsCancellationRequested) break;
                environment.Pulse?.Beat();
                var draw = request.Draw(mode, index, KvmMachine.IsMergingOn);
                var script = draw.Script();
                environment.Out.WriteLine(RecordedAnswers.Of(draw, script, kernel.Play(script)));
                // A recording that is cut off is one of fewer scripts.
                environment.Out.Flush();
            }

        return environment.Interrupts.Token.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Valid;
    }

    /// <exception cref="UsageException">A recording cannot be read, or its scripts are no longer drawn.</exception>
    public int Compare(IReadOnlyList<string> files)
    {
        var report = new KernelReport(environment);
        var model = new ModelKernel();
        var hasDifference = false;
        environment.Pulse?.Begin(budget: null);
        foreach (var file in files)
        {
            var recorded = Read(file, out var kernel);
            var comparison = new ScriptComparison(Normaliser.Of(kernel.Flavour));
            var tally = new NormaliserTally(comparison.Normalisers);
            var modes = new SortedDictionary<DirtyLogMode, ComparedMode>();
            foreach (var answers in recorded)
            {
                if (environment.Interrupts.Token.IsCancellationRequested) break;
                environment.Pulse?.Beat();
                var script = answers.Script() ?? throw new UsageException(
                    $"{file}: seed {answers.Draw.Seed} now draws another script; allowed: a recording by this version of Livebed");
                var mode = modes.TryGetValue(script.Mode, out var found) ? found : modes[script.Mode] = new ComparedMode(comparison);
                tally.Add(mode.Add(answers.Draw, script, model.Play(script), answers.Answers));
            }

            foreach (var mode in modes.Values)
                if (mode.First is { } first)
                    mode.File = KernelCommand.Save(environment, mode.FirstSeed, first.Script);
            report.Write(kernel.Name, modes, tally);
            hasDifference |= tally.Gone.Count > 0 || modes.Values.Any(mode => mode.Differences > 0);
        }

        environment.Out.Flush();
        if (environment.Interrupts.Token.IsCancellationRequested) return ExitCodes.Interrupted;
        return hasDifference ? ExitCodes.Invalid : ExitCodes.Valid;
    }

    private IReadOnlyList<RecordedAnswers> Read(string file, out RecordedKernel kernel)
    {
        try
        {
            return RecordedAnswers.ReadFile(Path.GetFullPath(file, environment.Folders.Current), file, out kernel);
        }
        catch (ScriptException exception)
        {
            throw new UsageException(exception.Message);
        }
    }
}

/// <summary>What the recorded scripts of a mode came to. A recording cannot be asked for shorter ones, so the first that differs is
/// kept as it is, up to the step at which it does.</summary>
internal sealed class ComparedMode(ScriptComparison comparison)
{
    public int Scripts { get; private set; }

    public long Steps { get; private set; }

    public int Differences { get; private set; }

    public PlayedScript? First { get; private set; }

    /// <summary>Where that is.</summary>
    public string? File { get; set; }

    /// <summary>Its seed.</summary>
    public ulong FirstSeed { get; private set; }

    public ComparisonResult Add(ScriptDraw draw, KernelScript script, IReadOnlyList<string> model, IReadOnlyList<string> kernel)
    {
        Scripts++;
        Steps += script.Steps.Count;
        var result = comparison.Compare(script, model, kernel);
        if (result.Difference is not { } difference) return result;
        Differences++;
        if (First is not null) return result;
        FirstSeed = draw.Seed;
        var steps = difference.Step + 1;
        First = new PlayedScript(
            script with { Steps = [.. script.Steps.Take(steps)] }, [.. model.Take(steps)], [.. kernel.Take(steps)], comparison.Normalisers);
        return result;
    }
}
