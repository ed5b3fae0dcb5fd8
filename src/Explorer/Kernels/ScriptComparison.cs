namespace Livebed.Explorer.Kernels;

/// <summary>
/// Compares the answers of two kernels to one script, step by step. What a known flavour of KVM answers otherwise, and may, is a
/// normaliser with a name; which of them were needed is told with the result.
/// </summary>
/// <param name="normalisers">those that apply</param>
public sealed class ScriptComparison(IReadOnlyList<Normaliser> normalisers)
{
    public IReadOnlyList<Normaliser> Normalisers => normalisers;

    /// <returns>the first step at which they differ, and normalisers without which others would; no step when they agree</returns>
    public ComparisonResult Compare(KernelScript script, IReadOnlyList<string> model, IReadOnlyList<string> kernel)
    {
        var (used, possible) = (new SortedSet<string>(StringComparer.Ordinal), new SortedSet<string>(StringComparer.Ordinal));
        for (var step = 0; step < Math.Max(model.Count, kernel.Count); step++)
        {
            var (one, other) = (At(model, step), At(kernel, step));
            List<Normaliser> candidates = step < script.Steps.Count
                ? [.. normalisers.Where(candidate => candidate.CanShow(new ComparedStep(script, step, model, other)))]
                : [];
            foreach (var candidate in candidates) possible.Add(candidate.Name);
            if (one == other) continue;
            var normaliser = candidates.FirstOrDefault(candidate => candidate.Allows(new ComparedStep(script, step, model, other)));
            if (normaliser is null) return new ComparisonResult(new ScriptDifference(step, one, other), used, possible);
            used.Add(normaliser.Name);
        }

        return new ComparisonResult(null, used, possible);
    }

    private static string At(IReadOnlyList<string> answers, int step) => step < answers.Count ? answers[step] : "no answer";
}

/// <summary>What a comparison came to.</summary>
/// <param name="Difference">the first; null when both agree</param>
/// <param name="Normalisers">names of those that were needed</param>
/// <param name="Possible">names of those that could have been needed, these among them</param>
public sealed record ComparisonResult(
    ScriptDifference? Difference, IReadOnlyCollection<string> Normalisers, IReadOnlyCollection<string> Possible);

/// <summary>Where two kernels differ: the step, from 0 on, and both answers.</summary>
public sealed record ScriptDifference(int Step, string Model, string Kernel);
