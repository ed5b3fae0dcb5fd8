using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Livebed.Kvm.Checks;

/// <summary>A named, switchable defect: the model asks for it where the defect is, and its entry in the catalogue says what is expected of
/// it. No defect is null. Two entries of one name are the same mutant. In messages it is its name.</summary>
[JsonConverter(typeof(MutantJson))]
public sealed partial record Mutant
{
    /// <summary>What stands for no defect in campaigns, replay files and results.</summary>
    public const string None = "none";

    private const string ActiveCount = "active-count";

    // Made by the first entry, which may come before any initializer of this file. Entries of one file come in its order; the order of
    // the files is not known, so each has a list.
    private static List<Mutant>? _ofKvm;
    private static List<Mutant>? _ofUserSpace;
    private static List<Mutant>? _all;

    /// <summary>A defect of KVM or its host; it adds itself to <see cref="All"/>.</summary>
    /// <param name="story">what the defect does</param>
    /// <param name="bug">its number in the project's notes on the protocol (B published bug, m design mistake, Q QEMU) or the section that
    /// it comes from</param>
    /// <param name="reference">the kernel's commit or CVE, empty where there is none</param>
    /// <param name="caughtBy">it must be caught by one of these invariants</param>
    /// <param name="scenario">in which the explorer catches it, under <paramref name="protocol"/></param>
    /// <param name="campaign">in which the cluster catches it, a file of campaigns/; null where only the explorer can bring it
    /// about</param>
    /// <param name="protocol">a name of ProtocolCatalog</param>
    /// <param name="field">the field that holds the mutant, from which it has its name</param>
    private Mutant(
        string story, string bug, string reference, IReadOnlyList<string> caughtBy, string scenario, string? campaign = null,
        string protocol = ActiveCount, [CallerMemberName] string field = "")
        : this(_ofKvm ??= [], story, bug, reference, caughtBy, scenario, campaign, protocol, field)
    {
    }

    private Mutant(
        List<Mutant> part, string story, string bug, string reference, IReadOnlyList<string> caughtBy, string scenario, string? campaign,
        string protocol, string field)
    {
        (Name, Story, Bug, Reference) = (KebabCase.Of(field), story, bug, reference);
        (CaughtBy, Scenario, Campaign, Protocol) = (caughtBy, scenario, campaign, protocol);
        part.Add(this);
    }

    /// <summary>Every mutant, in the order of the catalogue: those of KVM and its host, then those of user space.</summary>
    public static IReadOnlyList<Mutant> All => Entries;

    private static List<Mutant> Entries => _all ??= [.. _ofKvm!, .. _ofUserSpace!];

    /// <summary>"no-retry-check" for <see cref="NoRetryCheck"/>.</summary>
    public string Name { get; }

    /// <summary>What the defect does.</summary>
    public string Story { get; }

    /// <summary>Its number in the project's notes on the protocol, or the section that it comes from.</summary>
    public string Bug { get; }

    /// <summary>The kernel's commit or CVE, empty where there is none.</summary>
    public string Reference { get; }

    /// <summary>The invariants of which one must catch it.</summary>
    public IReadOnlyList<string> CaughtBy { get; init; }

    /// <summary>The scenario in which the explorer catches it under <see cref="Protocol"/>.</summary>
    public string Scenario { get; init; }

    /// <summary>The campaign in which the cluster catches it; null where only the explorer can bring it about.</summary>
    public string? Campaign { get; }

    /// <summary>The protocol with which it is caught.</summary>
    public string Protocol { get; init; }

    /// <summary>The name of a mutant; <see cref="None"/> without one.</summary>
    public static string NameOf(Mutant? mutant) => mutant?.Name ?? None;

    /// <summary>Finds a mutant by its name; null when there is none.</summary>
    public static Mutant? Find(string name) => Entries.Find(mutant => mutant.Name == name);

    /// <summary>A defect of user space; it adds itself to <see cref="All"/>. The parameters are those of the constructor.</summary>
    private static Mutant OfUserSpace(
        string story, string bug, string reference, IReadOnlyList<string> caughtBy, string scenario, string? campaign = null,
        string protocol = ActiveCount, [CallerMemberName] string field = "") =>
        new(_ofUserSpace ??= [], story, bug, reference, caughtBy, scenario, campaign, protocol, field);

    public bool Equals(Mutant? other) => ReferenceEquals(this, other) || Name == other?.Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Name;
}

/// <summary>A mutant in a message is its name; a name that no mutant has is refused.</summary>
internal sealed class MutantJson : JsonConverter<Mutant>
{
    public override Mutant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Mutant.Find(reader.GetString()!) ?? throw new JsonException($"'{reader.GetString()}' is no mutant");

    public override void Write(Utf8JsonWriter writer, Mutant value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
}
