using Livebed.Explorer.Kernels;

namespace Livebed.Driver.Kernels;

/// <summary>A script with the answers of both sides; null for a side that was not asked.</summary>
/// <param name="Script">was played</param>
/// <param name="Model">the model's answers</param>
/// <param name="Kernel">the other side's</param>
/// <param name="Normalisers">what may differ between them</param>
internal sealed record PlayedScript(
    KernelScript Script, IReadOnlyList<string>? Model, IReadOnlyList<string>? Kernel, IReadOnlyList<Normaliser> Normalisers)
{
    /// <summary>Null when one was not asked.</summary>
    public ComparisonResult? Comparison { get; } =
        Model is null || Kernel is null ? null : new ScriptComparison(Normalisers).Compare(Script, Model, Kernel);

    /// <summary>What the script expects is what the model says, so what may differ from the model may differ from it. Null when the kernel
    /// was not asked.</summary>
    private ComparisonResult? Expectation { get; } = Kernel is null
        ? null
        : new ScriptComparison(Normalisers).Compare(
            Script, [.. Script.Steps.Select((step, index) => step.Expected ?? Kernel.ElementAtOrDefault(index) ?? "")], Kernel);

    /// <summary>Each side that was asked gives what the script expects, they agree, and what the kernel is known for shows.</summary>
    public bool IsAsExpected =>
        Comparison?.Difference is null && ModelMiss < 0 && KernelMiss < 0 && Gone is null
            && (Model is null || Model.Count == Script.Steps.Count);

    /// <summary>The first step at which the model answers otherwise than expected; -1 for none.</summary>
    public int ModelMiss => Model is null
        ? -1
        : Enumerable.Range(0, Script.Steps.Count)
            .FirstOrDefault(step => Script.Steps[step].Expected is { } expected && Model.ElementAtOrDefault(step) != expected, -1);

    /// <summary>The same of the kernel.</summary>
    public int KernelMiss => Expectation?.Difference?.Step ?? -1;

    /// <summary>Names of what was needed to agree.</summary>
    public IReadOnlyCollection<string> Needed =>
        [.. (Comparison?.Normalisers ?? []).Union(Expectation?.Normalisers ?? []).Order(StringComparer.Ordinal)];

    /// <summary>What the script shows of such a kernel, and did not; null for nothing, and where there was nothing to compare
    /// with.</summary>
    public Normaliser? Gone =>
        Kernel is not null && (Model is not null || Script.Steps.Any(step => step.Expected is not null))
            && Normalisers.FirstOrDefault(one => one.Name == Script.Shows) is { } known && !Needed.Contains(known.Name)
            ? known
            : null;

    public object ToJson(string? file) => new
    {
        script = file,
        asExpected = IsAsExpected,
        normalisers = Needed,
        gone = Gone?.Name,
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
