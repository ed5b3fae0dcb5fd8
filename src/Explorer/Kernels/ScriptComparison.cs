namespace Livebed.Explorer.Kernels;

/// <summary>
/// Compares the answers of two kernels to one script, step by step. What a known flavour of KVM answers otherwise, and may, is a
/// normaliser with a name; which of them were needed is told with the result.
/// </summary>
/// <param name="normalisers">those that apply</param>
public sealed class ScriptComparison(IReadOnlyList<Normaliser> normalisers)
{
    /// <returns>the first step at which they differ, and normalisers without which others would; no step when they agree</returns>
    public ComparisonResult Compare(KernelScript script, IReadOnlyList<string> model, IReadOnlyList<string> kernel)
    {
        var used = new SortedSet<string>(StringComparer.Ordinal);
        for (var step = 0; step < Math.Max(model.Count, kernel.Count); step++)
        {
            var (one, other) = (At(model, step), At(kernel, step));
            if (one == other) continue;
            var normaliser = step < script.Steps.Count
                ? normalisers.FirstOrDefault(candidate => candidate.Allows(new ComparedStep(script, step, model, other)))
                : null;
            if (normaliser is null) return new ComparisonResult(new ScriptDifference(step, one, other), used);
            used.Add(normaliser.Name);
        }

        return new ComparisonResult(null, used);
    }

    private static string At(IReadOnlyList<string> answers, int step) => step < answers.Count ? answers[step] : "no answer";
}

/// <summary>What a comparison came to.</summary>
/// <param name="Difference">the first; null when both agree</param>
/// <param name="Normalisers">names of those that were needed</param>
public sealed record ComparisonResult(ScriptDifference? Difference, IReadOnlyCollection<string> Normalisers);

/// <summary>Where two kernels differ: the step, from 0 on, and both answers.</summary>
public sealed record ScriptDifference(int Step, string Model, string Kernel);

/// <summary>A step with two answers.</summary>
/// <param name="Script">its script</param>
/// <param name="Index">which step it is, from 0 on</param>
/// <param name="Answers">the model's, to all steps</param>
/// <param name="Kernel">the kernel's, to this one</param>
public readonly record struct ComparedStep(KernelScript Script, int Index, IReadOnlyList<string> Answers, string Kernel)
{
    public KernelStep Step => Script.Steps[Index];

    /// <summary>The model's answer; empty where it has given none.</summary>
    public string Model => Index < Answers.Count ? Answers[Index] : "";
}

/// <summary>A difference that a known flavour of KVM may have.</summary>
/// <param name="Name">for reports</param>
/// <param name="Summary">what is different, and why it may be</param>
/// <param name="Allows">whether the two answers of a step are this difference</param>
public sealed record Normaliser(string Name, string Summary, Func<ComparedStep, bool> Allows)
{
    /// <summary>A KVM that emulates the guest's code answers a page that the host refuses with an MMIO exit.</summary>
    public static readonly Normaliser RefusedIsMmio = new(
        "refused-page-is-mmio", "a KVM that emulates guest code leaves with MMIO where the host refuses a page; one on hardware fails",
        step => step is { Model: Answers.Fault, Kernel: Answers.Mmio });

    /// <summary>A page that the guest has read can be in the log.</summary>
    public static readonly Normaliser ReadIsDirty = new(
        "read-may-be-dirty", "a read that faults maps the page writable, if the host's page is, and reports it dirty",
        IsReadReported);

    public static IReadOnlyList<Normaliser> All { get; } = [RefusedIsMmio, ReadIsDirty];

    /// <summary>The kernel reports all that the model does, and beyond it pages only that the guest has read before.</summary>
    private static bool IsReadReported(ComparedStep step)
    {
        if (step.Step.Verb is not (KernelVerb.Get or KernelVerb.Reset)) return false;
        if (Pages(step, step.Model) is not { } model || Pages(step, step.Kernel) is not { } kernel) return false;
        if (!model.IsSubsetOf(kernel)) return false;
        kernel.ExceptWith(model);
        var read = PagesRead(step);
        return kernel.IsSubsetOf(read);
    }

    private static HashSet<(int Slot, long Page)>? Pages(ComparedStep step, string answer)
    {
        var pages = new HashSet<(int, long)>();
        if (answer == Answers.None) return pages;
        foreach (var part in answer.Split(' '))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            var slot = step.Step.Slot;
            if (colon > 0 && !int.TryParse(part[..colon], System.Globalization.CultureInfo.InvariantCulture, out slot)) return null;
            if (PageRuns.Parse(part[(colon + 1)..], KernelScript.PagesMax) is not { } runs) return null;
            foreach (var page in runs.Pages) pages.Add((slot, page));
        }

        return pages;
    }

    /// <summary>Pages of memslots that the guest read before the step, by the places that the memslots had then.</summary>
    private static HashSet<(int Slot, long Page)> PagesRead(ComparedStep step)
    {
        var slots = new Dictionary<int, KernelStep>();
        var read = new HashSet<(int, long)>();
        for (var index = 0; index < step.Index; index++)
        {
            var before = step.Script.Steps[index];
            if (before.Verb == KernelVerb.Set && step.Answers[index] == Answers.Ok) slots[before.Slot] = before;
            if (before.Verb != KernelVerb.Read) continue;
            foreach (var (id, slot) in slots)
                if (before.Gfn >= slot.Gfn && before.Gfn < slot.Gfn + slot.Pages) read.Add((id, before.Gfn - slot.Gfn));
        }

        return read;
    }
}
