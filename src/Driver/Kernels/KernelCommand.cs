using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Exploring;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>
/// `livebed kernel`: seeded random scripts on the model and on the machine's KVM, mode by mode. The first difference of a mode ends the
/// mode; it is made as small as it gets, shown and written to a file that `kernel play` takes.
/// </summary>
internal sealed class KernelCommand(CommandEnvironment environment)
{
    /// <exception cref="UndecidedException">There is no KVM that could be asked.</exception>
    public int Run(KernelRequest request)
    {
        using var device = request.ModelAlone ? null : Open();
        var survey = device is null ? null : KvmSurvey.Of(device);
        IScriptKernel kernel = device is null ? new ModelKernel() : new RealKernel(device);
        // Without a defect there is nothing to say of the model that its name does not.
        var model = new ModelKernel(request.Mutant);
        var comparison = new ScriptComparison(device is null ? [] : Normaliser.All);
        var results = new List<ModeResult>();
        environment.Pulse?.Begin(budget: null);
        foreach (var mode in request.Modes)
        {
            if (environment.Interrupts.Token.IsCancellationRequested) break;
            results.Add(RunMode(request, mode, new ScriptPair(model, kernel, comparison), device is null || KvmMachine.IsMergingOn));
        }

        Write(request, survey, results);
        environment.Out.Flush();
        if (environment.Interrupts.Token.IsCancellationRequested) return ExitCodes.Interrupted;
        return results.Exists(result => result.Difference is not null) ? ExitCodes.Invalid : ExitCodes.Valid;
    }

    /// <summary>Scripts of files, wherever they can be played. One that cannot be read keeps all from being played.</summary>
    /// <exception cref="UsageException">A script cannot be read.</exception>
    /// <exception cref="UndecidedException">The kernel is asked for, and cannot be.</exception>
    public int Play(PlayRequest request)
    {
        var scripts = request.Files.Select(file => (File: file, Script: Read(file))).ToList();
        string? absent = null;
        using var device = request.On == "model" ? null : TryOpen(isNeeded: request.On is not null, out absent);
        var report = new KernelReport(environment);
        var played = new List<(string File, PlayedScript Script)>();
        foreach (var (file, script) in scripts)
        {
            var onModel = request.On != "kernel";
            // A script of another architecture is the model's alone.
            var onKernel = device is not null && (script.Architecture == KvmArchitecture.X86 || !onModel);
            var one = new PlayedScript(
                script, onModel ? new ModelKernel().Play(script) : null, onKernel ? new RealKernel(device!).Play(script) : null);
            played.Add((file, one));
            if (request.Json) continue;
            if (scripts.Count == 1 || !one.IsAsExpected) report.Write(one, scripts.Count == 1 ? absent : null);
            if (scripts.Count > 1) report.WriteOutcome(file, one);
        }

        if (request.Json)
            environment.Out.WriteLine(JsonSerializer.Serialize(
                new { scripts = played.Select(one => one.Script.ToJson(one.File)) }, ExploreJson.Options));
        else if (scripts.Count > 1 && absent is not null) environment.Out.WriteLine($"the model alone: {absent}");
        environment.Out.Flush();
        return played.TrueForAll(one => one.Script.IsAsExpected) ? ExitCodes.Valid : ExitCodes.Invalid;
    }

    /// <exception cref="UndecidedException">There is no KVM that could be asked.</exception>
    public int Survey()
    {
        using var device = Open();
        environment.Out.WriteLine(JsonSerializer.Serialize(KvmSurvey.Of(device), ExploreJson.Options));
        environment.Out.Flush();
        return ExitCodes.Valid;
    }

    /// <exception cref="UndecidedException">There is none.</exception>
    internal static KvmDevice Open() => TryOpen(isNeeded: true, out _)!;

    /// <param name="isNeeded">nothing is done without it</param>
    /// <param name="absent">why there is none; null where there is</param>
    private static KvmDevice? TryOpen(bool isNeeded, out string? absent)
    {
        absent = null;
        try
        {
            return KvmDevice.Open();
        }
        catch (KvmException exception)
        {
            if (isNeeded) throw new UndecidedException(exception.Message);
            absent = exception.Message;
            return null;
        }
    }

    private KernelScript Read(string file)
    {
        try
        {
            return ScriptReader.ReadFile(Path.GetFullPath(file, environment.Folders.Current), file);
        }
        catch (ScriptException exception)
        {
            throw new UsageException(exception.Message);
        }
    }

    private ModeResult RunMode(KernelRequest request, DirtyLogMode mode, ScriptPair pair, bool hasMerging)
    {
        var normalisers = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var steps = 0L;
        for (var index = 0; index < request.Scripts; index++)
        {
            if (environment.Interrupts.Token.IsCancellationRequested) return new ModeResult(mode, index, steps, normalisers, null);
            environment.Pulse?.Beat();
            var script = request.Draw(mode, index, hasMerging).Script();
            steps += script.Steps.Count;
            var result = pair.Compare(script);
            foreach (var name in result.Normalisers) normalisers[name] = normalisers.GetValueOrDefault(name) + 1;
            if (result.Difference is null) continue;
            var shrinker = new ScriptShrinker(smaller => pair.Compare(smaller).Difference is not null);
            var shortest = shrinker.Shrink(script with { Steps = [.. script.Steps.Take(result.Difference.Step + 1)] });
            return new ModeResult(mode, index + 1, steps, normalisers, pair.Play(shortest))
            {
                File = Save(environment, (ulong)request.Seed, shortest),
            };
        }

        return new ModeResult(mode, request.Scripts, steps, normalisers, null);
    }

    /// <returns>what the file is called</returns>
    internal static string Save(CommandEnvironment environment, ulong seed, KernelScript script)
    {
        var name = FormattableString.Invariant($"kernel-{ScriptWords.Of(script.Mode)}-{seed}.script");
        var path = Path.GetFullPath(name, environment.Folders.Current);
        try
        {
            File.WriteAllText(path, script.ToText());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BedException($"the script could not be written: {exception.Message}", exception);
        }

        return environment.Folders.Label(path);
    }

    private void Write(KernelRequest request, KvmSurvey? survey, IReadOnlyList<ModeResult> results)
    {
        if (request.Json)
        {
            environment.Out.WriteLine(JsonSerializer.Serialize(
                new
                {
                    kernel = survey,
                    seed = request.Seed,
                    mutant = request.Mutant?.ToString() ?? "none",
                    modes = results.Select(result => result.ToJson()),
                },
                ExploreJson.Options));
            return;
        }

        new KernelReport(environment).Write(request, survey, results);
    }
}

/// <summary>Two kernels, and what may differ between them.</summary>
internal sealed record ScriptPair(IScriptKernel Model, IScriptKernel Kernel, ScriptComparison Comparison)
{
    public ComparisonResult Compare(KernelScript script) => Comparison.Compare(script, Model.Play(script), Kernel.Play(script));

    public PlayedScript Play(KernelScript script) => new(script, Model.Play(script), Kernel.Play(script));
}

/// <summary>A script with the answers of both sides; null for a side that was not asked.</summary>
internal sealed record PlayedScript(KernelScript Script, IReadOnlyList<string>? Model, IReadOnlyList<string>? Kernel)
{
    /// <summary>Null when both agree, or one was not asked.</summary>
    public ComparisonResult? Comparison { get; } =
        Model is null || Kernel is null ? null : new ScriptComparison(Normaliser.All).Compare(Script, Model, Kernel);

    /// <summary>Each side that was asked gives what the script expects, and they agree.</summary>
    public bool IsAsExpected =>
        Comparison?.Difference is null && (Model is null || FirstMiss(Model) < 0) && (Kernel is null || FirstMiss(Kernel) < 0)
            && (Model is null || Model.Count == Script.Steps.Count);

    /// <summary>The first step that answers otherwise than expected; -1 for none.</summary>
    public int FirstMiss(IReadOnlyList<string> answers)
    {
        for (var step = 0; step < Script.Steps.Count; step++)
            if (Script.Steps[step].Expected is { } expected && (step >= answers.Count || answers[step] != expected)) return step;
        return -1;
    }

    public object ToJson(string? file) => new
    {
        script = file,
        asExpected = IsAsExpected,
        normalisers = Comparison?.Normalisers ?? [],
        differsAt = Comparison?.Difference?.Step,
        steps = Script.Steps.Select((step, index) => new
        {
            step = (step with { Expected = null }).ToString(),
            expected = step.Expected,
            model = Model?.ElementAtOrDefault(index),
            kernel = Kernel?.ElementAtOrDefault(index),
        }),
        violation = Model?.Count > Script.Steps.Count ? Model[^1] : null,
    };
}

/// <summary>What the scripts of a mode came to.</summary>
/// <param name="Mode">of the dirty log</param>
/// <param name="Scripts">that were played</param>
/// <param name="Steps">of them</param>
/// <param name="Normalisers">how many scripts needed which</param>
/// <param name="Difference">the shortest script that shows one; null when all agree</param>
internal sealed record ModeResult(
    DirtyLogMode Mode, int Scripts, long Steps, IReadOnlyDictionary<string, int> Normalisers, PlayedScript? Difference)
{
    /// <summary>Where the script is.</summary>
    public string? File { get; init; }

    public object ToJson() => new
    {
        mode = ScriptWords.Of(Mode),
        scripts = Scripts,
        steps = Steps,
        agrees = Difference is null,
        normalisers = Normalisers,
        difference = Difference?.ToJson(File),
    };
}
