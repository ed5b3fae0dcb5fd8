using System.Globalization;

namespace Livebed.Explorer.Kernels;

/// <summary>What a KVM does with the guest's code, which decides what may differ.</summary>
public enum KvmFlavour
{
    /// <summary>SVM or VMX runs it, with SPTEs and TLBs.</summary>
    Hardware,

    /// <summary>Neither: KVM emulates it.</summary>
    Emulating,
}

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

/// <summary>A difference that is known of a flavour of KVM: it may be there, and in enough scripts it must be.</summary>
/// <param name="Name">for reports</param>
/// <param name="Summary">what is different, and why it may be</param>
/// <param name="Flavour">the KVM that has it; of another one it is a difference like all others</param>
/// <param name="CanShow">whether the model's answer to a step leaves room for it</param>
/// <param name="Allows">whether the two answers of a step are this difference, where it can be</param>
/// <param name="ChancesMost">so many scripts with such a step and none that needs it: it is gone</param>
public sealed record Normaliser(
    string Name, string Summary, KvmFlavour Flavour, Func<ComparedStep, bool> CanShow, Func<ComparedStep, bool> Allows, int ChancesMost)
{
    /// <summary>A KVM that emulates the guest's code answers a page that the host refuses with an MMIO exit.</summary>
    public static readonly Normaliser RefusedIsMmio = new(
        "refused-page-is-mmio", "a KVM that emulates guest code leaves with MMIO where the host refuses a page; one on hardware fails",
        KvmFlavour.Emulating, step => step.Model == Answers.Fault, step => step.Kernel == Answers.Mmio, ChancesMost: 20);

    /// <summary>A page that the guest has read can be in the log.</summary>
    public static readonly Normaliser ReadIsDirty = new(
        "read-may-be-dirty", "a read that faults maps the page writable, if the host's page is, and reports it dirty",
        KvmFlavour.Hardware, CanReportRead, IsReadReported, ChancesMost: 100);

    public static IReadOnlyList<Normaliser> All { get; } = [RefusedIsMmio, ReadIsDirty];

    /// <summary>Those of a flavour.</summary>
    public static IReadOnlyList<Normaliser> Of(KvmFlavour flavour) => [.. All.Where(normaliser => normaliser.Flavour == flavour)];

    /// <summary>A page that the guest has read before is not in the model's answer.</summary>
    private static bool CanReportRead(ComparedStep step) =>
        step.Step.Verb is KernelVerb.Get or KernelVerb.Reset && Pages(step, step.Model) is { } model
            && PagesRead(step).Any(page => !model.Contains(page) && (step.Step.Verb == KernelVerb.Reset || page.Slot == step.Step.Slot));

    /// <summary>The kernel reports all that the model does, and beyond it pages only that the guest has read before.</summary>
    private static bool IsReadReported(ComparedStep step)
    {
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
            if (colon > 0 && !int.TryParse(part[..colon], CultureInfo.InvariantCulture, out slot)) return null;
            if (PageRuns.Parse(part[(colon + 1)..], KernelScript.PagesMax) is not { } runs) return null;
            foreach (var page in runs.Pages) pages.Add((slot, page));
        }

        return pages;
    }

    /// <summary>Pages of memslots that the guest has read before the step, by the places that the memslots had then.</summary>
    private static HashSet<(int Slot, long Page)> PagesRead(ComparedStep step)
    {
        var slots = new Dictionary<int, KernelStep>();
        var read = new HashSet<(int, long)>();
        for (var index = 0; index < step.Index; index++)
        {
            var before = step.Script.Steps[index];
            if (before.Verb == KernelVerb.Set && step.Answers[index] == Answers.Ok) slots[before.Slot] = before;
            if (before.Verb != KernelVerb.Read || step.Answers[index] is Answers.Mmio or Answers.Fault or Answers.Full) continue;
            foreach (var (id, slot) in slots)
                if (before.Gfn >= slot.Gfn && before.Gfn < slot.Gfn + slot.Pages) read.Add((id, before.Gfn - slot.Gfn));
        }

        return read;
    }
}

/// <summary>How many scripts could have shown, and how many have shown, what is known of a flavour.</summary>
/// <param name="normalisers">those of the flavour</param>
public sealed class NormaliserTally(IReadOnlyList<Normaliser> normalisers)
{
    private readonly SortedDictionary<string, (int Possible, int Used)> _scripts = new(StringComparer.Ordinal);

    /// <summary>Scripts that needed each, by its name; without those that none did.</summary>
    public IReadOnlyDictionary<string, int> Used =>
        _scripts.Where(entry => entry.Value.Used > 0).ToDictionary(entry => entry.Key, entry => entry.Value.Used);

    /// <summary>Scripts that could have needed it.</summary>
    public int Chances(string name) => _scripts.GetValueOrDefault(name).Possible;

    /// <summary>Those that enough scripts could have shown and none has: what is known of this flavour does not hold any more.</summary>
    public IReadOnlyList<GoneNormaliser> Gone =>
    [
        .. normalisers.Where(one => Of(one) is { Used: 0 } scripts && scripts.Possible >= one.ChancesMost)
            .Select(one => new GoneNormaliser(one, Of(one).Possible)),
    ];

    public void Add(ComparisonResult result)
    {
        foreach (var name in result.Possible)
        {
            var (possible, used) = _scripts.GetValueOrDefault(name);
            _scripts[name] = (possible + 1, used + (result.Normalisers.Contains(name) ? 1 : 0));
        }
    }

    private (int Possible, int Used) Of(Normaliser one) => _scripts.GetValueOrDefault(one.Name);
}

/// <summary>A known difference that did not show.</summary>
/// <param name="Normaliser">which</param>
/// <param name="Chances">scripts that could have shown it</param>
public sealed record GoneNormaliser(Normaliser Normaliser, int Chances);
