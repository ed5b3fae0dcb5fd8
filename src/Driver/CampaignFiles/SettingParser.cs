using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// Reads YAML into <see cref="Setting"/>s with the line of each. Of YAML it takes what a campaign or a price list needs: one document of
/// mappings, sequences and scalars. Anchors, tags and duplicate keys are refused, and depth and size are bounded.
/// </summary>
internal sealed class SettingParser
{
    private const int DepthMax = 8;
    private const int NodesMax = 20_000;

    private readonly Parser _parser;
    private readonly string _file;
    private readonly string _what;
    private readonly string _page;
    private int _nodes;

    private SettingParser(TextReader text, string file, string what, string page)
    {
        _parser = new Parser(text);
        (_file, _what, _page) = (file, what, page);
    }

    private string Allowed => $"a YAML mapping of the keys in {_page}";

    /// <summary>Throws <see cref="UsageException"/> that names <paramref name="file"/> and the line.</summary>
    /// <param name="text">of the file</param>
    /// <param name="file">as messages name it</param>
    /// <param name="what">the file is</param>
    /// <param name="page">that explains its keys</param>
    public static SectionSetting Parse(TextReader text, string file, string what = "campaign", string page = "docs/campaigns.md")
    {
        var parser = new SettingParser(text, file, what, page);
        try
        {
            return parser.Document();
        }
        catch (YamlException e)
        {
            throw Origin.Line(file, e.Start.Line).Problem("yaml", e.Message, parser.Allowed);
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet's scanner gives up so on some texts, as on "a: {b" and then a key at the left.
            throw Origin.Line(file, parser._parser.Current?.End.Line ?? 1).Problem(
                "yaml", "is no YAML from here on", parser.Allowed);
        }
    }

    private SectionSetting Document()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _)) throw Empty();
        var root = Node(_what, 0);
        if (root is ValueSetting { Text: "" }) throw Empty();
        if (root is not SectionSetting section)
            throw root.Origin.Problem(_what, $"is {root.What}, not a section", Allowed);
        _parser.Consume<DocumentEnd>();
        if (_parser.TryConsume<DocumentStart>(out var second))
            throw At(second).Problem(_what, "a second document begins", $"one {_what} in a file");
        return section;
    }

    private UsageException Empty() => Origin.Line(_file, 1).Problem(_what, "the file is empty", Allowed);

    private Setting Node(string path, int depth)
    {
        if (_parser.TryConsume<AnchorAlias>(out var alias)) throw At(alias).Problem(path, "is an alias", "the value itself");
        var node = _parser.Require<NodeEvent>();
        if (!node.Anchor.IsEmpty) throw At(node).Problem(path, "has an anchor", "plain values");
        if (!node.Tag.IsEmpty) throw At(node).Problem(path, "has a tag", "plain values");
        if (++_nodes > NodesMax) throw At(node).Problem(path, "the file has too many settings", $"at most {NodesMax}");
        if (depth > DepthMax) throw At(node).Problem(path, "is nested too deeply", $"at most {DepthMax} levels");
        if (_parser.TryConsume<Scalar>(out var scalar))
            return new ValueSetting(At(scalar), IsNull(scalar) ? "" : scalar.Value, scalar.Style is not ScalarStyle.Plain);
        return _parser.Accept<SequenceStart>(out _) ? Sequence(path, depth) : Mapping(path, depth);
    }

    private ListSetting Sequence(string path, int depth)
    {
        var list = new ListSetting(At(_parser.Consume<SequenceStart>()), []);
        while (!_parser.TryConsume<SequenceEnd>(out _)) list.Items.Add(Node($"{path}.{list.Items.Count}", depth + 1));
        return list;
    }

    private SectionSetting Mapping(string path, int depth)
    {
        var section = new SectionSetting(At(_parser.Consume<MappingStart>()));
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (!_parser.TryConsume<Scalar>(out var key))
                throw At(_parser.Require<ParsingEvent>()).Problem(path, "a key is not a plain word", $"the keys in {_page}");
            var full = depth == 0 ? key.Value : $"{path}.{key.Value}";
            if (section.Find(key.Value) is { } first)
                throw At(key).Problem(full, $"is given twice (first at {first.Origin})", "each key once");
            section.Add(new(key.Value, At(key), Node(full, depth + 1)));
        }

        return section;
    }

    private static bool IsNull(Scalar scalar) => scalar is { Style: ScalarStyle.Plain, Value: "~" or "null" or "" };

    private Origin At(ParsingEvent at) => Origin.Line(_file, at.Start.Line);
}
