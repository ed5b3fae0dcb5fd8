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
        using var device = request.ModelAlone ? null : Open(environment);
        var survey = device is null ? null : KvmSurvey.Of(device);
        IScriptKernel kernel = device is null ? new ModelKernel() : new RealKernel(device);
        // Without a defect there is nothing to say of the model that its name does not.
        var model = new ModelKernel(request.Mutant);
        var comparison = new ScriptComparison(survey is null ? [] : Normaliser.Of(FlavourOf(survey)));
        var tally = new NormaliserTally(comparison.Normalisers);
        var results = new List<ModeResult>();
        environment.Pulse?.Begin(budget: null);
        foreach (var mode in request.Modes)
        {
            if (IsInterrupted) break;
            results.Add(RunMode(request, mode, new ScriptPair(model, kernel, comparison), device is null || KvmMachine.IsMergingOn, tally));
        }

        Write(request, survey, results, tally);
        environment.Out.Flush();
        if (IsInterrupted) return ExitCodes.Interrupted;
        return results.Exists(result => result.Difference is not null) || tally.Gone.Count > 0 ? ExitCodes.Invalid : ExitCodes.Valid;
    }

    private bool IsInterrupted => environment.Interrupts.Token.IsCancellationRequested;

    /// <summary>Scripts of files, wherever they can be played. One that cannot be read keeps all from being played.</summary>
    /// <exception cref="UsageException">A script cannot be read.</exception>
    /// <exception cref="UndecidedException">The kernel is asked for, and cannot be.</exception>
    public int Play(PlayRequest request)
    {
        var scripts = request.Files.Select(file => (File: file, Script: Read(file))).ToList();
        string? absent = null;
        using var device = request.On == "model" ? null : TryOpen(environment, isNeeded: request.On is not null, out absent);
        var normalisers = device is null ? [] : Normaliser.Of(FlavourOf(KvmSurvey.Of(device)));
        var report = new KernelReport(environment);
        var played = new List<(string File, PlayedScript Script)>();
        foreach (var (file, script) in scripts)
        {
            var onModel = request.On != "kernel";
            // A script of another architecture is the model's alone.
            var onKernel = device is not null && (script.Architecture == KvmArchitecture.X86 || !onModel);
            var one = new PlayedScript(
                script, onModel ? new ModelKernel().Play(script) : null, onKernel ? new RealKernel(device!).Play(script) : null,
                normalisers);
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
        using var device = Open(environment);
        environment.Out.WriteLine(JsonSerializer.Serialize(KvmSurvey.Of(device), ExploreJson.Options));
        environment.Out.Flush();
        return ExitCodes.Valid;
    }

    /// <exception cref="UndecidedException">There is none.</exception>
    internal static KvmDevice Open(CommandEnvironment environment) => TryOpen(environment, isNeeded: true, out _)!;

    /// <summary>Which normalisers apply to the machine's KVM.</summary>
    internal static KvmFlavour FlavourOf(KvmSurvey survey) => survey.EmulatesGuest ? KvmFlavour.Emulating : KvmFlavour.Hardware;

    /// <param name="environment">says where it is</param>
    /// <param name="isNeeded">nothing is done without it</param>
    /// <param name="absent">why there is none; null where there is</param>
    private static KvmDevice? TryOpen(CommandEnvironment environment, bool isNeeded, out string? absent)
    {
        absent = null;
        try
        {
            return KvmDevice.Open(environment.KvmPath);
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

    private ModeResult RunMode(KernelRequest request, DirtyLogMode mode, ScriptPair pair, bool hasMerging, NormaliserTally all)
    {
        var tally = new NormaliserTally(pair.Comparison.Normalisers);
        var steps = 0L;
        for (var index = 0; index < request.Scripts; index++)
        {
            if (IsInterrupted) return new ModeResult(mode, index, steps, tally.Used, null);
            environment.Pulse?.Beat();
            var script = request.Draw(mode, index, hasMerging).Script();
            steps += script.Steps.Count;
            var result = pair.Compare(script);
            tally.Add(result);
            all.Add(result);
            if (result.Difference is null) continue;
            var shrinker = new ScriptShrinker(smaller => !IsInterrupted && pair.Compare(smaller).Difference is not null);
            var shortest = shrinker.Shrink(script with { Steps = [.. script.Steps.Take(result.Difference.Step + 1)] });
            return new ModeResult(mode, index + 1, steps, tally.Used, pair.Play(shortest))
            {
                File = Save(environment, (ulong)request.Seed, shortest),
            };
        }

        return new ModeResult(mode, request.Scripts, steps, tally.Used, null);
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

    private void Write(KernelRequest request, KvmSurvey? survey, IReadOnlyList<ModeResult> results, NormaliserTally tally)
    {
        if (!request.Json)
        {
            new KernelReport(environment).Write(request, survey, results, tally);
            if (IsInterrupted) environment.Out.WriteLine("interrupted: this is what there is");
            return;
        }

        environment.Out.WriteLine(
            JsonSerializer.Serialize(JsonOf(request, survey, results, tally.Gone, IsInterrupted), ExploreJson.Options));
    }

    internal static object JsonOf(
        KernelRequest request, KvmSurvey? survey, IReadOnlyList<ModeResult> results, IReadOnlyList<GoneNormaliser> gone,
        bool interrupted) => new
        {
            kernel = survey,
            seed = request.Seed,
            mutant = request.Mutant?.ToString() ?? "none",
            interrupted,
            modes = results.Select(result => result.ToJson()),
            gone = gone.Select(one => one.Normaliser.Name),
        };
}

/// <summary>Two kernels, and what may differ between them.</summary>
internal sealed record ScriptPair(IScriptKernel Model, IScriptKernel Kernel, ScriptComparison Comparison)
{
    public ComparisonResult Compare(KernelScript script) => Comparison.Compare(script, Model.Play(script), Kernel.Play(script));

    public PlayedScript Play(KernelScript script) => new(script, Model.Play(script), Kernel.Play(script), Comparison.Normalisers);
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
