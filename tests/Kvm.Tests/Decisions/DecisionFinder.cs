using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Livebed.Kvm.Tests.Decisions;

/// <summary>A place in the source where the code goes one way or another.</summary>
/// <param name="Member">type and member</param>
/// <param name="Text">the condition</param>
internal sealed record Decision(string Member, string Text);

/// <summary>
/// Finds the decisions in C# source: branches, loops with a condition, handlers with a filter, <c>??</c>, each <c>&amp;&amp;</c> and
/// <c>||</c>, and comparisons that are no condition of these. Three forms are none, as they only say what is there and how the journal
/// calls an outcome: a null test of a field or of a part of it, a field that is made when it is first needed, and a choice between two
/// literals.
/// </summary>
internal static partial class DecisionFinder
{
    private static readonly SyntaxKind[] _operators =
    [
        SyntaxKind.LogicalAndExpression, SyntaxKind.LogicalOrExpression, SyntaxKind.AndPattern, SyntaxKind.OrPattern,
    ];

    private static readonly SyntaxKind[] _comparisons =
    [
        SyntaxKind.EqualsExpression, SyntaxKind.NotEqualsExpression, SyntaxKind.LessThanExpression, SyntaxKind.LessThanOrEqualExpression,
        SyntaxKind.GreaterThanExpression, SyntaxKind.GreaterThanOrEqualExpression, SyntaxKind.IsExpression,
        SyntaxKind.IsPatternExpression,
    ];

    /// <summary>Decisions of a file, in its order.</summary>
    public static IReadOnlyList<Decision> Of(string source)
    {
        var found = new List<Decision>();
        foreach (var node in CSharpSyntaxTree.ParseText(source).GetRoot().DescendantNodes())
            if (ConditionOf(node) is { } condition && !SaysWhatIsThere(node, condition))
                found.Add(new Decision(MemberOf(node), Spaces().Replace(condition.ToString(), " ")));
        return found;
    }

    private static SyntaxNode? ConditionOf(SyntaxNode node) => node switch
    {
        IfStatementSyntax branch => branch.Condition,
        ConditionalExpressionSyntax choice => choice.Condition,
        SwitchStatementSyntax choice => choice.Expression,
        SwitchExpressionSyntax choice => choice.GoverningExpression,
        WhileStatementSyntax loop => loop.Condition,
        DoStatementSyntax loop => loop.Condition,
        ForStatementSyntax loop => loop.Condition,
        CatchFilterClauseSyntax filter => filter.FilterExpression,
        AssignmentExpressionSyntax assignment when assignment.IsKind(SyntaxKind.CoalesceAssignmentExpression) => assignment,
        BinaryExpressionSyntax binary when binary.IsKind(SyntaxKind.CoalesceExpression) => binary,
        _ when _operators.Contains(node.Kind()) => node,
        _ when _comparisons.Contains(node.Kind()) && !IsInCondition(node) => node,
        _ => null,
    };

    /// <summary>A comparison inside of a condition is counted with it.</summary>
    private static bool IsInCondition(SyntaxNode node)
    {
        for (var (inner, outer) = (node, node.Parent); outer is not null; (inner, outer) = (outer, outer.Parent))
        {
            if (outer is StatementSyntax or AnonymousFunctionExpressionSyntax && ConditionOf(outer) != inner) return false;
            if (ConditionOf(outer) is { } condition && (condition == inner || condition == outer)) return true;
        }

        return false;
    }

    private static bool SaysWhatIsThere(SyntaxNode node, SyntaxNode condition) => node switch
    {
        ConditionalExpressionSyntax { WhenTrue: LiteralExpressionSyntax, WhenFalse: LiteralExpressionSyntax } => true,
        AssignmentExpressionSyntax assignment => IsFieldOrVm(assignment.Left),
        BinaryExpressionSyntax coalesce when coalesce.IsKind(SyntaxKind.CoalesceExpression) =>
            IsFieldOrVm(coalesce.Left is ConditionalAccessExpressionSyntax access ? access.Expression : coalesce.Left),
        IfStatementSyntax or ConditionalExpressionSyntax => IsNullTest(condition),
        _ => false,
    };

    private static bool IsNullTest(SyntaxNode condition) =>
        condition is IsPatternExpressionSyntax { Pattern: var pattern } test && IsFieldOrVm(test.Expression)
            && NullTest().IsMatch(pattern.ToString());

    private static bool IsFieldOrVm(ExpressionSyntax expression) =>
        expression is IdentifierNameSyntax { Identifier.Text: var name } && (name.StartsWith('_') || name == "TheVm");

    private static string MemberOf(SyntaxNode node)
    {
        var member = node.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().First();
        var name = member switch
        {
            MethodDeclarationSyntax method => method.Identifier.Text,
            PropertyDeclarationSyntax property => property.Identifier.Text,
            ConstructorDeclarationSyntax => "new",
            _ => "",
        };
        var type = member.AncestorsAndSelf().OfType<TypeDeclarationSyntax>().First().Identifier.Text;
        return $"{type}.{name}";
    }

    /// <summary>A pattern that says no more than what is there, of the field or of a part of it: <c>{ Process.Incoming: { } side }
    /// actor</c>.</summary>
    [GeneratedRegex(@"^(not )?(null|\{ ([\w.]+: ((not )?null|\{ \}( \w+)?) )?\}( \w+)?)$")]
    private static partial Regex NullTest();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
